// Sends spans with the real OpenTelemetry JavaScript SDK and prints what it sent, as JSON.
// node send.js URL json|protobuf none|gzip
"use strict";

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } = require("@opentelemetry/sdk-trace");

const [url, encoding, compression] = process.argv.slice(2);
const { OTLPTraceExporter } = require(
  encoding === "json" ? "@opentelemetry/exporter-trace-otlp-http" : "@opentelemetry/exporter-trace-otlp-proto",
);

const memory = new InMemorySpanExporter();
const provider = new TracerProvider({
  resource: resourceFromAttributes({ "argus.project": "js-bot", "service.name": "js-service", cores: 2 }),
  spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
});
const tracer = provider.getTracer("js-scope", "1.2.3");

const root = tracer.startSpan("session ü☂👩‍🚀", { kind: SpanKind.SERVER, attributes: { "session.id": "js-1" } });
const inside = trace.setSpan(ROOT_CONTEXT, root);
const chat = tracer.startSpan(
  "chat qwen3",
  {
    kind: SpanKind.CLIENT,
    links: [{ context: root.spanContext(), attributes: { why: "because" } }],
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "qwen3:8b",
      "gen_ai.request.temperature": 1,
      "gen_ai.usage.input_tokens": 120,
      "gen_ai.usage.output_tokens": 45,
      half: 0.5,
      large: 2 ** 52 + 1,
      negative: -7,
      yes: true,
      no: false,
      empty: "",
      texts: ["a", "b"],
      numbers: [1, 2.5],
      flags: [true, false],
      nothing: [],
      nul: "\0",
      not_a_number: NaN,
    },
  },
  inside,
);
chat.addEvent("argus.input", { text: "hi" });
chat.recordException(new TypeError("no such tool"));
chat.setStatus({ code: SpanStatusCode.ERROR, message: "failed" });
chat.end();
const producer = tracer.startSpan("enqueue", { kind: SpanKind.PRODUCER }, inside);
producer.setStatus({ code: SpanStatusCode.OK });
producer.end();
root.end();

const nanos = ([seconds, rest]) => String(BigInt(seconds) * 1000000000n + BigInt(rest));
const said = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  parent_span_id: span.parentSpanContext?.spanId ?? null,
  flags: span.spanContext().traceFlags,
  name: span.name,
  kind: SpanKind[span.kind],
  start: nanos(span.startTime),
  end: nanos(span.endTime),
  attributes: span.attributes,
  events: span.events.map((e) => ({ time: nanos(e.time), name: e.name, attributes: e.attributes ?? {} })),
  links: span.links.map((l) => ({ ...l.context, attributes: l.attributes ?? {} })),
  status: SpanStatusCode[span.status.code],
  status_message: span.status.message ?? null,
  scope: span.instrumentationScope,
  resource: span.resource.attributes,
});

provider.forceFlush().then(() => {
  const spans = memory.getFinishedSpans();
  new OTLPTraceExporter({ url, compression }).export(spans, (result) => {
    if (result.code !== 0) {
      console.error(result.error);
      process.exit(1);
    }
    console.log(JSON.stringify(spans.map(said)));
  });
});

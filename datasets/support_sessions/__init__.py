"""The sample data: invented support conversations, played on a simulated clock.

The rooms, in the order the data passes through them:

``tools``    the tools of the agent, as the model knows them
``world``    who buys what: customers, orders, and what the tools say of them
``models``   the language models: speed, limits, habits
``text``     phrases filled with the facts of a case; tokens of a text
``script``   what is said and called in a session, without any time
``stories``  a few sessions written by hand, each with a problem to find
``stage``    the clock, the chance and the memory of one session
``calls``    a call of a model, with its retries -> span plans
``steps``    the other steps: tools, searches, middleware -> span plans
``play``     a script and a seed -> one tree of span plans per turn
``emit``     span plans -> spans of the OpenTelemetry SDK -> OTLP/JSON
``facts``    what anybody who loads the data must be able to count

Everything up to ``play`` is plain data and arithmetic; only ``emit`` knows OpenTelemetry.
"""

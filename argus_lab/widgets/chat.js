// The chat cell in the browser: it draws what the kernel tells it and tells the kernel what the reader did.
//
// It holds no conversation of its own. The kernel sends patches (see patches.py) with a number each; a
// number that is missing, or a page that was loaded anew, makes it ask for everything once more. All HTML
// that arrives was made and sanitised in the kernel; what streams is text and is drawn as text.

const NEAR_THE_END = 40; // pixels from the end at which a reader counts as reading the end
const COPY_ARRIVES_MS = 1500; // after so long, a copy that was sent is in the page
const PATIENCE_MS = 4000; // without an answer for so long, the kernel is said to be silent

function made(name, { cls, text, title, label, ...rest } = {}, ...children) {
  const element = document.createElement(name);
  if (cls) element.className = cls;
  if (text !== undefined) element.textContent = text;
  if (title) element.title = title;
  if (label) element.setAttribute("aria-label", label);
  for (const [key, value] of Object.entries(rest)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function button(text, onclick, { cls = "ac-quiet", ...rest } = {}) {
  return made("button", { type: "button", cls, text, onclick, ...rest });
}

// New HTML in the place of old, with what the reader had opened still open.
function put(element, html) {
  if (element.acHtml === html) return;
  const before = [...element.querySelectorAll("details")].map((each) => each.open);
  element.innerHTML = html;
  element.acHtml = html;
  element.querySelectorAll("details").forEach((each, at) => {
    if (before[at]) each.open = true;
  });
}

// ---------------------------------------------------------------------------------------- one turn

class Turn {
  constructor(chat, told) {
    this.chat = chat;
    this.parts = [];
    this.asked = made("div", { cls: "ac-html" });
    this.edit = button("Edit", () => this.editing(), { cls: "ac-quiet ac-idle", title: "Change this message and send it again" });
    this.role = made("p", { cls: "al-role" });
    this.answer = made("div", { cls: "ac-parts" });
    this.said = made("div", { cls: "al-message al-is-assistant" }, this.role, this.answer);
    this.facts = made("span", { cls: "ac-html ac-numbers" });
    this.doing = made("span", { cls: "ac-actions" });
    this.foot = made("div", { cls: "ac-foot" }, this.facts, this.doing);
    this.wrong = made("div", { cls: "ac-wrong" });
    this.trace = made("div", { cls: "ac-trace ac-html", hidden: true });
    this.question = made("div", { cls: "ac-question" }, this.asked, this.edit);
    this.root = made("div", { cls: "ac-turn" }, this.question, this.said, this.wrong, this.foot, this.trace);
    this.set(told);
  }

  set(told) {
    this.told = told;
    this.root.dataset.turn = told.id;
    put(this.asked, told.asked);
    told.parts.forEach((part, at) => this.part(at, part));
    while (this.parts.length > told.parts.length) this.parts.pop().root.remove();
    this.end(told);
  }

  // A part of the answer: HTML that is final, or text that still grows, plain or folded as thinking.
  part(at, { kind, text, html, label }) {
    let part = this.parts[at];
    if (!part || part.kind !== kind) {
      const fresh = this.fresh(kind);
      const wasOpen = part?.root.open;
      if (part) part.root.replaceWith(fresh.root);
      else this.answer.append(fresh.root);
      part = this.parts[at] = fresh;
      if (wasOpen && kind === "html") fresh.opens = true;
    }
    if (label !== undefined && part.label) part.label.textContent = label;
    if (kind === "html") {
      put(part.root, html);
      if (part.opens) part.root.querySelector("details")?.setAttribute("open", "");
      part.opens = false;
    }
    else if (part.text.data !== text) part.text.data = text;
  }

  fresh(kind) {
    if (kind === "html") return { kind, root: made("div", { cls: "ac-html" }) };
    const text = document.createTextNode("");
    const body = made("div", { cls: "ac-text", dir: "auto" }, text);
    if (kind === "text") return { kind, text, root: body };
    const label = made("summary");
    return { kind, text, label, root: made("details", { cls: "al-fold ac-thinking" }, label, body) };
  }

  more(at, text, label) {
    const part = this.parts[at];
    part?.text?.appendData(text);
    if (part?.label) part.label.textContent = label;
  }

  end({ who, facts, wrong, can, live }) {
    this.role.textContent = who || "assistant";
    this.root.classList.toggle("ac-live", live);
    put(this.facts, facts);
    this.wrong.replaceChildren();
    if (wrong) {
      this.wrong.append(made("div", { cls: "ac-html" }));
      put(this.wrong.firstChild, wrong);
      this.wrong.append(button("Retry", () => this.chat.tell({ do: "regenerate" }), { cls: "ac-last" }));
    }
    const actions = [];
    if (can.includes("trace")) {
      this.tracing = button("Trace", () => this.toggle(), { "aria-expanded": String(!this.trace.hidden) });
      this.tracing.title = "The spans of this turn, as a waterfall";
      actions.push(this.tracing);
    }
    if (!live && !wrong)
      actions.push(button("Regenerate", () => this.chat.tell({ do: "regenerate" }), { cls: "ac-quiet ac-last" }));
    this.doing.replaceChildren(...actions);
    this.foot.hidden = !facts && !actions.length;
  }

  toggle() {
    const opens = this.trace.hidden;
    this.trace.hidden = !opens;
    this.tracing.setAttribute("aria-expanded", String(opens));
    if (!opens) return;
    put(this.trace, '<p class="al-note">Reading the trace …</p>');
    this.chat.tell({ do: "trace", turn: this.told.id });
  }

  editing() {
    const area = made("textarea", { label: "Edit your message", rows: 3 });
    area.value = this.told.text;
    const back = () => {
      form.replaceWith(this.question);
      this.edit.focus();
    };
    const send = () => {
      this.chat.tell({ do: "edit", turn: this.told.id, text: area.value });
      form.replaceWith(this.question);
      this.chat.area.focus();
    };
    area.acKey = (event) => {
      if (event.key === "Escape") back();
      else {
        event.preventDefault();
        send();
      }
    };
    const form = made(
      "div",
      { cls: "ac-editing" },
      area,
      made("div", { cls: "ac-actions" }, button("Send again", send, { cls: "ac-strong" }), button("Cancel", back)),
    );
    this.question.replaceWith(form);
    area.focus();
  }
}

// ---------------------------------------------------------------------------------------- the settings

class Settings {
  constructor(chat) {
    this.chat = chat;
    this.rows = new Map();
    this.root = made("div", { cls: "ac-settings", role: "group", label: "Settings", hidden: true });
  }

  draw(rows, values) {
    for (const row of rows) {
      if (!this.rows.has(row.name)) this.rows.set(row.name, this.field(row));
      const field = this.rows.get(row.name);
      if (document.activeElement !== field) field.value = values[row.name] ?? "";
    }
  }

  field(row) {
    const told = { label: row.label, title: row.meaning, onchange: () => this.changed(row.name) };
    let field;
    if (row.kind === "text") field = made("textarea", { ...told, rows: 2, placeholder: row.without });
    else if (row.kind === "choice") {
      const choices = row.choices.map(([value, text]) => made("option", { value, text }));
      field = made("select", told, ...choices);
    } else {
      const { least: min, most: max, step } = row;
      field = made("input", { ...told, type: "number", min, max, step, placeholder: row.without });
    }
    const name = made("span", { cls: "ac-name", text: row.label });
    this.root.append(made("label", { cls: row.kind === "text" ? "ac-wide" : "" }, name, field));
    return field;
  }

  changed(name) {
    const field = this.rows.get(name);
    if (!field.checkValidity()) return field.reportValidity();
    this.chat.tell({ do: "set", name, value: field.value });
  }
}

// ---------------------------------------------------------------------------------------- the chat

class Chat {
  constructor(model, el) {
    this.model = model;
    this.turns = [];
    this.ahead = [];
    this.images = [];
    this.number = null;
    this.state = { busy: false };
    this.build();
    el.append(this.root);
    model.on("msg:custom", (told) => this.receive(told));
    model.on("comm_live_update", () => this.parted());
    this.tell({ do: "hello" });
  }

  build() {
    this.picker = made("select", { cls: "ac-model", label: "Model", onchange: () => this.picked() });
    this.other = made("input", { cls: "ac-other", label: "Name of another model", placeholder: "name of a model, then Enter", hidden: true });
    this.other.acKey = (event) => this.named(event);
    this.settings = new Settings(this);
    this.opener = button("Settings", () => this.open(), { "aria-expanded": "false" });
    this.status = made("span", { cls: "ac-status", role: "status" });
    this.head = made("div", { cls: "ac-head" }, this.picker, this.other, this.status, this.opener);
    this.list = made("div", { cls: "ac-list", role: "log", "aria-live": "polite", label: "Conversation", tabindex: 0 });
    this.notice = made("div", { cls: "ac-notice", role: "status", hidden: true });
    this.end = button("↓ to the end", () => this.toTheEnd(), { cls: "ac-end", hidden: true });
    this.area = made("textarea", { label: "Message", rows: 1, placeholder: "Ask something" });
    this.area.addEventListener("input", () => this.grow());
    this.area.acKey = (event) => this.typed(event);
    this.area.addEventListener("keydown", (event) => this.recalled(event));
    this.area.addEventListener("paste", (event) => this.pasted(event));
    this.file = made("input", { type: "file", accept: "image/*", multiple: true, hidden: true, label: "Pictures" });
    this.file.addEventListener("change", () => this.attach([...this.file.files]));
    this.attached = made("div", { cls: "ac-attached" });
    this.adder = button("Picture", () => this.file.click(), { title: "Attach a picture; pasting one works too" });
    this.sender = button("Send", () => this.send(), { cls: "ac-strong ac-send" });
    this.stopper = button("Stop", () => this.stop(), { cls: "ac-strong ac-stop", hidden: true, title: "Esc" });
    const row = made("div", { cls: "ac-row" }, this.area, this.adder, this.file, this.sender, this.stopper);
    this.composer = made("div", { cls: "ac-composer" }, this.attached, row);
    const middle = made("div", { cls: "ac-middle" }, this.list, this.end);
    this.root = made("section", { cls: "argus-lab argus-chat", label: "Chat", hidden: true });
    this.root.append(this.head, this.settings.root, middle, this.notice, this.composer);
    this.list.addEventListener("scroll", () => this.scrolled());
    this.heard = (event) => this.pressed(event);
    window.addEventListener("keydown", this.heard, true);
  }

  // JupyterLab runs a cell at Shift+Enter and leaves it at Esc wherever the focus is, and takes the line break
  // out of a text; it listens at the document, so these two keys are taken before. All others stay its own.
  pressed(event) {
    if (!["Enter", "Escape"].includes(event.key) || !this.root.contains(event.target)) return;
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Enter" && event.shiftKey && event.target.localName === "textarea") {
      event.preventDefault();
      // The first keeps the browser's undo; where it is gone, the second still breaks the line.
      if (!document.execCommand("insertText", false, "\n"))
        event.target.setRangeText("\n", event.target.selectionStart, event.target.selectionEnd, "end");
      return;
    }
    event.target.acKey?.(event);
    if (event.key === "Escape" && this.state.busy) this.stop();
  }

  // -- to and from the kernel

  // Whether it could be told: VS Code cuts a widget off without a word when its kernel is restarted.
  tell(what) {
    clearTimeout(this.waiting);
    try {
      this.model.send(what);
    } catch (error) {
      console.warn(error);
      this.parted();
      return false;
    }
    if (what.do !== "hello") this.waiting = setTimeout(() => this.silent(), PATIENCE_MS);
    return true;
  }

  silent() {
    this.say("The kernel does not answer: it is busy, or it has ended. Nothing is lost; run the cell again if it ended.");
  }

  // Jupyter says this of a widget that is drawn when its kernel is restarted: the new one knows nothing of it.
  parted() {
    clearTimeout(this.waiting);
    this.root.classList.add("ac-over");
    this.picker.disabled = true;
    this.area.readOnly = true; // what was about to be said can still be copied
    this.composer.classList.toggle("ac-draft", Boolean(this.area.value));
    this.say("The kernel was restarted. What was said here is a copy, to be read; run the cell again to begin a new conversation.");
  }

  receive({ number, patches }) {
    clearTimeout(this.waiting);
    if (this.wasSilent) this.say("");
    const isWhole = patches[0]?.do === "all";
    if (!isWhole && this.number === null) return; // the answer to our hello is on its way
    if (!isWhole && number !== this.number + 1) {
      this.number = null;
      this.tell({ do: "hello" });
      return;
    }
    this.number = number;
    this.ahead.push(...patches);
    // A page in the background draws nothing until it is looked at.
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    const patches = this.ahead.splice(0);
    const wasAtTheEnd = this.atTheEnd();
    for (const patch of patches) this.apply(patch);
    if (wasAtTheEnd) this.toTheEnd();
    else this.end.hidden = this.atTheEnd();
  }

  apply(patch) {
    if (patch.do === "all") {
      this.root.hidden = false;
      this.key = patch.key;
      this.from(0, patch.turns);
      this.told(patch.state);
      hideKept(this.root, patch.key);
    } else if (patch.do === "turns") this.from(patch.at, patch.turns);
    else if (patch.do === "more") this.turns[patch.at]?.more(patch.part, patch.text, patch.label);
    else if (patch.do === "part") this.turns[patch.at]?.part(patch.part, patch);
    else if (patch.do === "end") this.turns[patch.at]?.end(patch);
    else if (patch.do === "state") this.told(patch.state);
    else if (patch.do === "trace") this.traced(patch);
    else if (patch.do === "kept") this.keep(patch);
    else if (patch.do === "say") this.say(patch.text);
  }

  // The turns from this place on; those before stay as they are.
  from(at, turns) {
    turns.forEach((told, offset) => {
      const here = this.turns[at + offset];
      if (here && here.told.id === told.id) return here.set(told);
      const turn = new Turn(this, told);
      if (here) here.root.replaceWith(turn.root);
      else this.list.append(turn.root);
      this.turns[at + offset] = turn;
    });
    while (this.turns.length > at + turns.length) this.turns.pop().root.remove();
    this.root.classList.toggle("ac-empty", !this.turns.length);
  }

  traced({ turn, html }) {
    const found = this.turns.find((each) => each.told.id === turn);
    if (found && !found.trace.hidden) put(found.trace, html);
  }

  told(state) {
    this.state = { ...this.state, ...state };
    const { busy, status, model, models, rows, values, pull } = this.state;
    this.root.setAttribute("aria-label", `Chat with ${model}`);
    this.list.setAttribute("aria-busy", String(busy)); // what streams is read out when it is complete
    this.root.classList.toggle("ac-busy", busy);
    this.sender.hidden = busy;
    this.stopper.hidden = !busy;
    this.status.textContent = status;
    if (state.models || state.model) this.offer(models, model);
    if (state.rows || state.values) this.settings.draw(rows, values);
    if ("pull" in state) this.pulling(pull);
    if (state.copies) this.check(state.copies);
  }

  offer(models, model) {
    const names = models.map((each) => each.name);
    const options = models.map(({ name, detail }) => made("option", { value: name, text: detail ? `${name} · ${detail}` : name }));
    if (!names.includes(model)) options.unshift(made("option", { value: model, text: `${model} · not installed` }));
    options.push(made("option", { value: "", text: "Another model …" }));
    this.picker.replaceChildren(...options);
    this.picker.value = model;
  }

  pulling(pull) {
    this.notice.replaceChildren();
    this.notice.hidden = !pull;
    if (!pull) return;
    this.notice.append(made("span", { cls: "ac-words", text: pull.words }));
    if (pull.share !== null && pull.share !== undefined) {
      const bar = made("progress", { max: 1, label: pull.words });
      bar.value = pull.share;
      this.notice.append(bar);
    }
    if (pull.can === "pull") this.notice.append(button(`Pull ${this.state.model}`, () => this.tell({ do: "pull" }), { cls: "ac-strong" }));
    if (pull.can === "look") this.notice.append(button("Try again", () => this.tell({ do: "look" })));
    if (pull.can === "stop") this.notice.append(button("Stop", () => this.tell({ do: "stop_pull" })));
  }

  say(text) {
    this.wasSilent = Boolean(text);
    if (text) {
      this.notice.replaceChildren(made("span", { cls: "ac-words", text }));
      this.notice.hidden = false;
    } else this.pulling(this.state.pull);
  }

  // -- what the reader does

  send() {
    const text = this.area.value.trim();
    if (this.state.busy || (!text && !this.images.length)) return;
    if (!this.tell({ do: "send", text, images: this.images.map((each) => each.data) })) return;
    this.area.value = "";
    this.images = [];
    this.attachments();
    this.grow();
    this.area.focus();
    this.toTheEnd();
  }

  stop() {
    this.tell({ do: "stop" });
    this.status.textContent = "stopping …";
  }

  typed(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.send();
  }

  recalled(event) {
    const last = this.turns[this.turns.length - 1];
    if (event.key !== "ArrowUp" || this.area.value || !last || this.state.busy) return;
    event.preventDefault();
    last.editing();
  }

  grow() {
    this.area.style.height = "auto";
    this.area.style.height = `${Math.min(this.area.scrollHeight, 220)}px`;
  }

  picked() {
    this.other.hidden = Boolean(this.picker.value);
    if (this.picker.value) this.tell({ do: "model", name: this.picker.value });
    else this.other.focus();
  }

  named(event) {
    if (event.key === "Escape") {
      this.other.hidden = true;
      this.picker.value = this.state.model;
      this.picker.focus();
    }
    if (event.key !== "Enter" || !this.other.value.trim()) return;
    event.preventDefault();
    this.tell({ do: "model", name: this.other.value.trim() });
    this.other.value = "";
    this.other.hidden = true;
    this.area.focus();
  }

  open() {
    this.settings.root.hidden = !this.settings.root.hidden;
    this.opener.setAttribute("aria-expanded", String(!this.settings.root.hidden));
    if (!this.settings.root.hidden) this.settings.root.querySelector("textarea, input")?.focus();
  }

  // -- pictures

  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])].filter((each) => each.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.attach(files);
  }

  async attach(files) {
    for (const file of files) {
      const held = this.images.reduce((sum, each) => sum + each.data.length, 0);
      const data = await inBase64(file);
      if (held + data.length > this.state.most_image_chars) this.say(`${file.name} is too large to be sent to the kernel.`);
      else this.images.push({ name: file.name || "picture", data, url: URL.createObjectURL(file) });
    }
    this.file.value = "";
    this.attachments();
    this.area.focus();
  }

  attachments() {
    const shown = this.images.map((image) => {
      const away = button("✕", () => {
        this.images = this.images.filter((each) => each !== image);
        this.attachments();
      }, { label: `Remove ${image.name}` });
      return made("span", { cls: "ac-picture" }, made("img", { src: image.url, alt: image.name }), away);
    });
    this.attached.replaceChildren(...shown);
  }

  // -- the kept copy

  // After a page is loaded anew, Jupyter no longer takes the kernel's updates of an output: the copy in the
  // page stays behind. The cell then asks for the newest and puts it into the notebook itself.
  check(copies) {
    clearTimeout(this.checking);
    this.checking = setTimeout(() => {
      const here = document.querySelector(`.al-kept-${this.key}`);
      if (here && !here.classList.contains(`al-copy-${copies}`)) this.tell({ do: "keep" });
    }, COPY_ARRIVES_MS);
  }

  keep({ data }) {
    if (!stored(this.model, this.key, data))
      this.say("The copy that this notebook keeps is older than the conversation. Show the chat in a new cell to keep all of it.");
  }

  // -- the end of the list

  atTheEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
  }

  toTheEnd() {
    this.list.scrollTop = this.list.scrollHeight;
    this.end.hidden = true;
  }

  scrolled() {
    this.end.hidden = this.atTheEnd();
  }

  remove() {
    clearTimeout(this.waiting);
    clearTimeout(this.checking);
    window.removeEventListener("keydown", this.heard, true);
    if (this.frame) cancelAnimationFrame(this.frame);
    this.images.forEach((each) => URL.revokeObjectURL(each.url));
  }
}

async function inBase64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

// ---------------------------------------------------------------------------------------- what is kept

// While the cell lives, the copy kept for readers without a kernel is not shown beside it.
function hideKept(root, kept) {
  root.querySelector("style")?.remove();
  const rule = `.al-kept-${kept}, .jp-OutputArea-child:has(.al-kept-${kept}) { display: none !important }`;
  root.append(made("style", { text: rule }));
}

// Puts the copy into the notebook's own model, where the widget's manager lets it be reached (JupyterLab and
// Notebook do); tells whether it could.
function stored(model, key, data) {
  const cells = model.widget_manager?.context?.model?.cells;
  let found = false;
  for (let at = 0; at < (cells?.length ?? 0); at++) {
    const outputs = cells.get(at).outputs;
    for (let place = 0; place < (outputs?.length ?? 0); place++) {
      const output = outputs.get(place).toJSON();
      const html = [output.data?.["text/html"] ?? ""].flat().join("");
      if (!html.includes(`al-kept-${key}`)) continue;
      outputs.set(place, { ...output, data });
      found = true;
    }
  }
  return found;
}

export default {
  render({ model, el }) {
    const chat = new Chat(model, el);
    return () => chat.remove();
  },
};

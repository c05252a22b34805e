// One session: left its rounds, which open into steps, right what is known of the one that is chosen.
// Texts are put in as texts. Only `detail.html` and `talk.html` are markup: Python made and escaped it.

const HIGH = 27;
const VIEWS = [["replay", "Replay"], ["waterfall", "Waterfall"], ["conversation", "Conversation"]];
const PARTS = { round: [["request", "Request"], ["execution", "Execution"], ["result", "Result"], ["raw", "Raw"]], step: [["detail", "Detail"], ["raw", "Raw"]] };

const made = (name, cls, ...children) => {
  const found = document.createElement(name);
  if (cls) found.className = cls;
  found.append(...children.filter((child) => child !== null && child !== undefined));
  return found;
};

function pressed(words, act, label) {
  const button = made("button", "a-button", words);
  button.type = "button";
  button.onclick = act;
  if (label) { button.setAttribute("aria-label", label); button.title = label; }
  return button;
}

function tabs(label, all, chosen, pick) {
  const list = made("div", "tabs");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", label);
  for (const [name, title] of all) {
    const tab = made("button", "", title);
    tab.type = "button";
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    tab.dataset.tab = name;
    tab.onclick = () => pick(name);
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const names = all.map(([name]) => name);
    const now = list.querySelector("[aria-selected=true]")?.dataset.tab;
    const next = names[(names.indexOf(now) + step + names.length) % names.length];
    pick(next);
    setTimeout(() => el_focus(list, next), 0);
  });
  return list;
}
let el_focus = () => {};

function mark(list, chosen) {
  for (const tab of list.querySelectorAll("[data-tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === chosen));
    tab.tabIndex = tab.dataset.tab === chosen ? 0 : -1;
  }
}

export function render({ model, el }) {
  const send = (message) => model.send_msg(message);
  const page = made("div", "page");
  const head = made("div", "head");
  const note = made("div", "note");
  const work = made("div", "work");
  const tree = made("div", "tree");
  const inner = made("div", "inner");
  const split = made("div", "split");
  const side = made("div", "side");
  const wide = made("div", "wide");
  tree.append(inner);
  tree.tabIndex = 0;
  tree.setAttribute("role", "tree");
  tree.setAttribute("aria-label", "Rounds and steps. Arrow keys move, right opens, left closes.");
  work.append(tree, split, side);
  page.append(head, note, work, wide);
  el.append(page);
  el_focus = (list, name) => list.getRootNode().querySelector?.(`[data-tab="${name}"]`)?.focus();

  let open = new Set();
  let lines = [];
  let session = null;
  let fresh = false;

  // --- the tree ------------------------------------------------------------------------------------------
  function laidOut() {
    const told = model.told;
    lines = [];
    let turn = null;
    const put = (round) => {
      const steps = told.steps_of[round] || [];
      lines.push({ kind: "round", at: round });
      if (open.has(round)) for (const at of steps) lines.push({ kind: "step", at, round });
    };
    for (const [number, title, rounds, others] of told.turns) {
      if (told.turns.length > 1) lines.push({ kind: "turn", at: number, title });
      for (const round of rounds) put(round);
      if (others.length) {
        const key = `others ${number}`;
        lines.push({ kind: "others", at: number, key, steps: others });
        if (open.has(key) || !rounds.length) for (const at of others) lines.push({ kind: "step", at, round: key });
      }
    }
    inner.style.height = `${lines.length * HIGH}px`;
  }

  const chosenIs = (line) => line.kind === model.chosen.kind && line.at === model.chosen.at;

  function drawn(line, place) {
    const told = model.told;
    const row = made("div", `row ${line.kind}`);
    row.style.top = `${place * HIGH}px`;
    row.id = `row-${place}`;
    row.setAttribute("role", "treeitem");
    row.setAttribute("aria-selected", String(chosenIs(line)));
    if (chosenIs(line)) row.classList.add("is-at");
    if (line.kind === "turn") { row.append(line.title); row.setAttribute("role", "none"); return row; }
    if (line.kind === "round") {
      const [number, label, model_name, duration, tokens, wrong, icon] = told.rounds[line.at];
      const count = (told.steps_of[line.at] || []).length;
      const fold = made("span", "fold", open.has(line.at) ? "▾" : "▸");
      row.setAttribute("aria-level", "1");
      row.setAttribute("aria-expanded", String(open.has(line.at)));
      row.append(fold, made("span", "n", number), symbol(icon), ...(wrong ? [failed()] : []), made("span", "label", label), made("span", "more", model_name));
      row.append(made("span", "right tok", tokens), made("span", "right", duration));
      row.title = `${label} · ${count} steps`;
    } else if (line.kind === "others") {
      row.append(made("span", "fold", open.has(line.key) ? "▾" : "▸"), made("span", "more", `${line.steps.length} steps outside rounds`));
      row.setAttribute("aria-expanded", String(open.has(line.key)));
    } else {
      const [label, icon, depth, duration, tokens, wrong, kind] = told.steps[line.at];
      row.setAttribute("aria-level", String(depth + 2));
      const space = made("span", "");
      space.style.cssText = `flex:none;width:${28 + Math.min(depth, 12) * 14}px`;
      row.append(space, symbol(icon), ...(wrong ? [failed()] : []), made("span", "label", label), made("span", "more", kind));
      row.append(made("span", "right tok", tokens), made("span", "right", duration));
      row.title = label;
    }
    return row;
  }

  function symbol(name) {
    const [sign, colour, words] = model.told.icons[name] || model.told.icons.other;
    const icon = made("span", "icon", sign);
    icon.style.color = `color-mix(in srgb, ${colour} 80%, var(--a-text))`; // stands out on a chosen row too
    icon.setAttribute("role", "img");
    icon.setAttribute("aria-label", words);
    return icon;
  }

  function failed() {
    const mark = made("span", "mark", "✗");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", "failed");
    return mark;
  }

  function paint() {
    const first = Math.max(0, Math.floor(tree.scrollTop / HIGH) - 12);
    const last = Math.min(lines.length, Math.ceil((tree.scrollTop + tree.clientHeight) / HIGH) + 12);
    inner.replaceChildren(...lines.slice(first, last).map((line, at) => drawn(line, first + at)));
    const place = lines.findIndex(chosenIs);
    if (place >= 0) tree.setAttribute("aria-activedescendant", `row-${place}`);
  }

  function reveal() {
    const place = lines.findIndex(chosenIs);
    if (place < 0) return;
    const top = place * HIGH;
    if (top < tree.scrollTop) tree.scrollTop = top;
    else if (top + HIGH > tree.scrollTop + tree.clientHeight) tree.scrollTop = top + HIGH - tree.clientHeight;
  }

  function toggle(key) {
    if (open.has(key)) open.delete(key); else open.add(key);
    laidOut();
    paint();
  }

  function pick(line) {
    if (!line || line.kind === "turn" || line.kind === "others") return;
    send({ do: "pick", kind: line.kind, at: line.at });
  }

  function move(by) {
    let place = lines.findIndex(chosenIs);
    const step = Math.sign(by);
    for (let left = Math.abs(by); left > 0; left -= 1) {
      let next = place + step;
      while (lines[next] && (lines[next].kind === "turn" || lines[next].kind === "others")) next += step;
      if (!lines[next]) break;
      place = next;
    }
    pick(lines[place]);
  }

  tree.addEventListener("keydown", (event) => {
    const line = lines.find(chosenIs);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e6, End: 1e6 };
    if (event.key in moves) { event.preventDefault(); move(Math.max(-lines.length, Math.min(lines.length, moves[event.key]))); }
    else if (event.key === "ArrowRight" && line?.kind === "round") { event.preventDefault(); if (!open.has(line.at)) toggle(line.at); else move(1); }
    else if (event.key === "ArrowLeft" && line) {
      event.preventDefault();
      if (line.kind === "round") { if (open.has(line.at)) toggle(line.at); }
      else if (typeof line.round === "number") pick({ kind: "round", at: line.round });
    } else if (event.key === "Enter" && line?.kind === "round") toggle(line.at);
  });
  // By its place and not by its element, which may have been drawn anew since the button went down.
  const lineAt = (event) => lines[Math.floor((event.clientY - inner.getBoundingClientRect().top) / HIGH)];
  inner.addEventListener("click", (event) => {
    const line = lineAt(event);
    if (line?.kind === "others") toggle(line.key);
    else if (line?.kind === "round" && event.composedPath()[0].classList?.contains("fold")) toggle(line.at);
    else pick(line);
  });
  inner.addEventListener("dblclick", (event) => { const line = lineAt(event); if (line?.kind === "round") toggle(line.at); });
  tree.addEventListener("scroll", paint);
  const sized = new ResizeObserver(paint);
  sized.observe(tree);

  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !model.visible) return;
    const target = event.composedPath()[0];
    if (target?.matches?.("input, select, textarea")) return;
    if (event.key === "[") send({ do: "go", by: -1 });
    else if (event.key === "]") send({ do: "go", by: 1 });
    else if (event.key === "Escape") send({ do: "back" });
  };
  document.addEventListener("keydown", keys);

  split.tabIndex = 0;
  split.setAttribute("role", "separator");
  split.setAttribute("aria-label", "Width of the rounds");
  split.setAttribute("aria-orientation", "vertical");
  const widen = (share) => work.style.setProperty("--left", `${Math.max(18, Math.min(75, share))}%`);
  split.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
    if (by) widen((tree.offsetWidth / work.offsetWidth) * 100 + by);
  });
  split.addEventListener("pointerdown", (event) => {
    split.setPointerCapture(event.pointerId);
    split.onpointermove = (moved) => widen(((moved.clientX - work.getBoundingClientRect().left) / work.offsetWidth) * 100);
    split.onpointerup = () => { split.onpointermove = null; };
  });

  // --- head ------------------------------------------------------------------------------------------------
  // Made once: a click that is under way when something of it changes is not lost.
  const before = pressed("‹", () => send({ do: "go", by: -1 }), "Previous session  [");
  const after = pressed("›", () => send({ do: "go", by: 1 }), "Next session  ]");
  const title = made("h1", "");
  const facts = made("div", "facts");
  const views = tabs("Views", VIEWS, model.view.name, (name) => send({ do: "view", name }));
  const texts = [["markdown", "Copy Markdown"], ["json", "Copy JSON"], ["download", "Download"]];
  head.append(
    made("div", "line", pressed("← Sessions", () => send({ do: "back" }), "Back to all sessions"), before, after, title, made("span", "room"),
      ...texts.map(([kind, words]) => pressed(words, () => send({ do: "text", kind })))),
    facts, views);

  function drawHead() {
    const told = model.told;
    before.disabled = !model.around.before;
    after.disabled = !model.around.after;
    title.textContent = told.title || "";
    facts.replaceChildren(...(told.facts || []).map(([name, value, wrong]) => made("span", "", `${name} `, made("b", wrong ? "a-wrong" : "", value))));
    mark(views, model.view.name);
    note.textContent = told.note || "";
    note.style.display = told.note ? "" : "none";
  }

  // --- detail ----------------------------------------------------------------------------------------------
  const framed = (html) => {
    const frame = made("div", "");
    frame.setAttribute("data-jp-theme-light", String(document.documentElement.dataset.theme !== "dark"));
    frame.innerHTML = html;
    return frame;
  };

  let shown = null;
  let partsOf = null;
  let list = null;
  function drawSide() {
    const chosen = model.chosen;
    const what = made("div", "what", made("h2", "", chosen.title || ""), made("span", "sub", chosen.sub || ""));
    const parts = PARTS[chosen.kind] || [];
    const detail = made("div", "detail");
    detail.setAttribute("role", "tabpanel");
    detail.tabIndex = 0;
    const focused = side.contains(side.getRootNode().activeElement) && side.getRootNode().activeElement?.dataset?.tab;
    const old = side.querySelector(".detail");
    const same = shown === `${chosen.key} ${chosen.part}`;
    const top = same && old ? old.scrollTop : 0;
    const folds = same && old ? [...old.querySelectorAll("details")].map((each) => each.open) : [];
    detail.append(framed(chosen.html || ""));
    if (folds.length) detail.querySelectorAll("details").forEach((each, at) => { if (at in folds) each.open = folds[at]; });
    shown = `${chosen.key} ${chosen.part}`;
    // Tabs stay what they are while their kind does: a click that is under way is not lost.
    if (partsOf !== chosen.kind) {
      partsOf = chosen.kind;
      list = parts.length ? tabs("Parts", parts, chosen.part, (name) => send({ do: "part", name })) : made("span", "");
      side.replaceChildren(what, list, detail);
    } else {
      side.querySelector(".what").replaceWith(what);
      side.querySelector(".detail").replaceWith(detail);
    }
    mark(list, chosen.part);
    detail.scrollTop = top;
    if (focused) side.querySelector(`[data-tab="${chosen.part}"]`)?.focus({ preventScroll: true });
  }

  function drawView() {
    const name = model.view.name;
    work.style.display = name === "replay" ? "" : "none";
    wide.style.display = name === "replay" ? "none" : "";
    page.classList.toggle("is-short", name === "waterfall");
    if (name === "conversation") wide.replaceChildren(framed(model.view.html || ""));
    if (name === "waterfall") {
      const picks = made("div", "picks");
      if (model.view.traces?.length > 1) {
        const select = made("select", "a-field");
        select.setAttribute("aria-label", "Turn");
        model.view.traces.forEach((title, at) => { const option = made("option", "", title); option.value = at; select.append(option); });
        select.value = model.view.trace;
        select.onchange = () => send({ do: "trace", at: Number(select.value) });
        picks.append("Turn", select);
      }
      wide.replaceChildren(...(picks.children.length ? [picks] : [])); // the figure stands below this component
    }
    if (name === "replay") paint();
  }

  function chosenMoved() {
    const round = model.chosen.open;
    if (round !== null && round !== undefined && !open.has(round)) { open.add(round); laidOut(); }
    reveal();
    paint();
    drawSide();
    if (model.chosen.kind) settle();
  }

  const root_active = () => {
    let found = document.activeElement;
    while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
    return found;
  };

  function all() {
    const isOther = session !== model.told.key;
    if (isOther) {
      open = new Set(model.told.open || []);
      tree.scrollTop = 0;
      if (model.told.key) setTimeout(() => send({ do: "around" }), 0); // what is beside it, once it is shown itself
    }
    session = model.told.key;
    laidOut();
    drawHead();
    paint();
    fresh = fresh || isOther;
    if (model.chosen.kind) settle();
  }

  // Once there is something that keys can move from.
  function settle() {
    if (!fresh) return;
    fresh = false;
    reveal();
    paint();
    const active = root_active();
    if (!active?.matches?.("input, select")) tree.focus({ preventScroll: true });
  }

  const handed = (event) => {
    const { kind, name, text, type } = event;
    if (kind !== "download") {
      navigator.clipboard.writeText(text).then(() => say("Copied"), () => say("The browser does not allow copying here"));
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  function say(words) {
    note.textContent = words;
    note.style.display = "";
    setTimeout(() => { note.textContent = model.told.note || ""; note.style.display = model.told.note ? "" : "none"; }, 2500);
  }

  const light = new MutationObserver(() => { drawSide(); drawView(); });
  light.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  model.on("msg:custom", (event) => { const told = event?.data ?? event; if (told.say) say(told.say); else handed(told); });
  model.on("told", all);
  model.on("around", drawHead);
  model.on("chosen", chosenMoved);
  model.on("view", () => { drawHead(); drawView(); });
  model.on("remove", () => { document.removeEventListener("keydown", keys); light.disconnect(); sized.disconnect(); });
  all();
  chosenMoved();
  drawView();
}

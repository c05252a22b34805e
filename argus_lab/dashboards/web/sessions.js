// The table of sessions: a page of rows at a time, sorted where the data are. Cells are text.

const COLUMNS = [
  ["first", "First message", null, ""],
  ["models", "Models", "13%", "narrow"],
  ["turns", "Turns", "66px", "right"],
  ["steps", "Steps", "70px", "right narrow"],
  ["duration", "Duration", "104px", "right"],
  ["tokens", "Tokens in → out", "136px", "right"],
  ["cost", "Cost", "98px", "right"],
  ["errors", "Errors", "70px", "right"],
  [null, "Model calls", "112px", "narrow"],
  ["started", "Started, UTC", "150px", "right"],
];

// How long one rests on a row that one may be about to open, and not just to pass.
const RESTS_MS = 60;

const cell = (name, cls, ...children) => {
  const made = document.createElement(name);
  if (cls) made.className = cls;
  made.append(...children);
  return made;
};

function costs(row) {
  const made = cell("td", "right", row.cost);
  made.title = row.cost_words;
  return made;
}

function spark(calls) {
  const wide = 96, high = 18, shape = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(shape, "svg");
  svg.setAttribute("width", wide); svg.setAttribute("height", high);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${calls.length} model calls by duration`);
  const most = Math.max(...calls.map(([length]) => length), 1e-9);
  const step = Math.min(6, wide / calls.length);
  calls.forEach(([length, wrong], at) => {
    const bar = document.createElementNS(shape, "rect");
    const tall = Math.max(1.5, (length / most) * high);
    bar.setAttribute("x", at * step); bar.setAttribute("y", high - tall);
    bar.setAttribute("width", Math.max(0.6, step - 1)); bar.setAttribute("height", tall);
    bar.setAttribute("class", wrong ? "bar wrong" : "bar");
    svg.append(bar);
  });
  return svg;
}

export function render({ model, el }) {
  const send = (message) => model.send_msg(message);
  const page = cell("div", "page");
  const scroll = cell("div", "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("aria-label", "Sessions. Arrow keys choose, Enter opens.");
  const table = document.createElement("table");
  const group = document.createElement("colgroup");
  const heads = document.createElement("tr");
  for (const [order, title, width, cls] of COLUMNS) {
    const column = document.createElement("col");
    if (width) column.style.width = width;
    if (cls) column.className = cls;
    group.append(column);
    const head = cell("th", cls);
    head.scope = "col";
    if (order) {
      const button = cell("button", "", title);
      button.type = "button";
      button.onclick = () => { busy(); send({ do: "sort", order }); };
      head.dataset.order = order;
      head.append(button);
    } else head.append(title);
    heads.append(head);
  }
  const body = document.createElement("tbody");
  table.append(group, cell("thead", "", heads), body);
  const none = cell("p", "none hide");
  scroll.append(table, none);
  const foot = cell("div", "foot");
  page.append(scroll, foot);
  el.append(page);
  let at = -1;
  let shown = "";

  const busy = () => table.classList.add("busy");
  const open = (place) => { const row = model.told.rows[place]; if (row) send({ do: "open", session: row.id, of: row.project }); };
  function mark(place, reveal = true) {
    at = Math.max(-1, Math.min(place, body.rows.length - 1));
    [...body.rows].forEach((row, number) => { row.classList.toggle("is-at", number === at); row.setAttribute("aria-selected", String(number === at)); });
    if (reveal && at >= 0) body.rows[at].scrollIntoView({ block: "nearest" });
  }

  function draw() {
    const told = model.told;
    table.classList.remove("busy");
    const kept = at >= 0 && shown ? shown : told.at;
    for (const head of heads.children) {
      if (head.dataset.order === told.order) head.setAttribute("aria-sort", told.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const rows = told.rows.map((row) => {
      const made = document.createElement("tr");
      const first = cell("td", "first", row.first || "(no message)");
      first.title = row.title;
      if (!row.first) first.classList.add("a-quiet");
      if (row.of) first.append(cell("span", "of", row.of));
      made.append(first, cell("td", "narrow", row.models), cell("td", "right", row.turns), cell("td", "right narrow", row.steps),
        cell("td", "right", row.duration), cell("td", "right", row.tokens), costs(row),
        cell("td", row.errors === "0" ? "right a-quiet" : "right a-wrong", row.errors), cell("td", "narrow", row.calls.length ? spark(row.calls) : ""), cell("td", "right", row.started));
      made.dataset.id = row.id;
      made.dataset.key = row.key;
      return made;
    });
    renew(body, ...rows);
    none.textContent = told.none || "";
    none.classList.toggle("hide", Boolean(rows.length));
    table.classList.toggle("hide", !rows.length);
    at = told.rows.findIndex((row) => row.key === kept);
    if (at >= 0) mark(at, false);
    drawFoot(told);
  }

  // Made once: a click that is under way when rows come is not lost.
  const turned = (words, label, by) => {
    const found = cell("button", "a-button", words);
    found.type = "button";
    found.setAttribute("aria-label", label);
    found.onclick = () => { busy(); send({ do: "page", page: model.told.page + by }); scroll.scrollTop = 0; };
    return found;
  };
  const before = turned("‹ Previous", "Previous page", -1), after = turned("Next ›", "Next page", 1);
  const range = cell("span", ""), last = cell("span", ""), field = cell("input", "a-field");
  field.type = "number";
  field.min = 1;
  field.setAttribute("aria-label", "Page");
  field.onchange = () => { busy(); send({ do: "page", page: Number(field.value) || 1 }); };
  foot.append(range, cell("span", "room"), before, field, last, after);

  function drawFoot(told) {
    range.textContent = told.range;
    last.textContent = `of ${told.pages.toLocaleString("en")}`;
    field.max = told.pages;
    if (field.getRootNode().activeElement !== field) field.value = told.page;
    before.disabled = told.page <= 1;
    after.disabled = told.page >= told.pages;
    foot.classList.toggle("hide", told.pages <= 1 && !told.rows.length);
  }

  // Where rows came and went since the button went down, the click may be on none: the row of then is meant.
  const placeOf = (event) => [...body.rows].indexOf(event.composedPath().find((each) => each.localName === "tr"));
  let aimed = null;
  scroll.addEventListener("pointerdown", (event) => {
    const row = model.told.rows[placeOf(event)];
    aimed = { key: row?.key, x: event.clientX, y: event.clientY };
    if (row && event.button === 0) send({ do: "aim", session: row.id, of: row.project });
  });
  // What a hand or the keys rest on is likely to be opened next; what they only pass is not.
  let resting = 0, near = "";
  const rest = (row) => {
    if (row?.key === near) return;
    clearTimeout(resting);
    near = row?.key ?? "";
    if (row) resting = setTimeout(() => send({ do: "near", session: row.id, of: row.project }), RESTS_MS);
  };
  scroll.addEventListener("pointerover", (event) => { if (event.pointerType === "mouse") rest(model.told.rows[placeOf(event)]); });
  scroll.addEventListener("pointerleave", () => rest());
  scroll.addEventListener("click", (event) => {
    const isStill = aimed && Math.hypot(event.clientX - aimed.x, event.clientY - aimed.y) < 8;
    const at = placeOf(event), place = at < 0 && isStill ? model.told.rows.findIndex((row) => row.key === aimed.key) : at;
    if (place < 0) return;
    mark(place, false);
    shown = model.told.rows[place].key;
    open(place);
  });

  scroll.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 };
    if (event.target !== scroll) return;
    if (event.key in moves) {
      event.preventDefault();
      mark(Math.max(0, Math.min(body.rows.length - 1, at + moves[event.key])));
      shown = model.told.rows[at]?.key || "";
      rest(model.told.rows[at]);
    } else if (event.key === "Enter" && at >= 0) open(at);
    else if (event.key === "ArrowRight" && model.told.page < model.told.pages) send({ do: "page", page: model.told.page + 1 });
    else if (event.key === "ArrowLeft" && model.told.page > 1) send({ do: "page", page: model.told.page - 1 });
  });
  // When it is shown, at first and again, keys are for it, unless they are for something else that is shown. What
  // had them before may be hidden a moment later than this is shown.
  let wasSeen = false;
  const claim = (tries) => {
    const active = document.activeElement;
    if (!active || active === document.body || !active.getClientRects().length) scroll.focus({ preventScroll: true });
    else if (tries > 1) setTimeout(() => claim(tries - 1), 50);
  };
  const seen = new ResizeObserver(() => {
    const isSeen = scroll.clientHeight > 0;
    if (isSeen && !wasSeen) claim(20);
    wasSeen = isSeen;
  });
  seen.observe(scroll);
  model.on("told", draw);
  model.on("remove", () => { seen.disconnect(); rest(); });
  draw();
}

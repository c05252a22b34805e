// Below a chart: what was brushed, the numbers as a table, the lines of Python.

function table(told, label, pick) {
  const head = made("tr");
  if (pick) head.append(made("th", {}, made("span", { class: "a-hidden" }, "Select")));
  for (const [title, kind] of told.columns) head.append(made("th", { scope: "col", class: kind === "number" ? "a-num" : null }, title));
  const body = made("tbody");
  told.rows.forEach((row, place) => {
    const line = made("tr");
    if (pick) {
      const at = told.numbers[place];
      const box = made("input", { type: "checkbox", checked: told.picked.includes(at), "aria-label": `Select row ${place + 1}`,
        onchange: (event) => pick(at, event.target.checked) });
      line.append(made("td", { class: "pick" }, box));
    }
    row.forEach((cell, column) => {
      const kind = told.columns[column][1];
      const link = column === 0 && told.links ? told.links[place] : null;
      const inner = link ? made("a", { href: link }, cell) : cell;
      // A browser lays each cell that cuts off its text in a layer of its own: only those that may be too long do.
      const isLong = kind === "text" && cell.length > 30;
      const looks = kind === "number" ? "a-num" : kind === "error" && cell === "ERROR" ? "a-wrong" : isLong ? "long" : null;
      line.append(made("td", { class: looks, title: isLong ? cell : null }, inner));
    });
    body.append(line);
  });
  const whole = made("table", { "aria-label": label }, made("thead", {}, head), body);
  return made("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, whole);
}

function lines(code, label) {
  const pre = made("pre", { tabindex: "0", "aria-label": label }, code);
  const copy = async (event) => {
    const button = event.currentTarget;
    try { await navigator.clipboard.writeText(code); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(button.previousSibling); button.textContent = "Selected"; }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  return made("div", { class: "lines" }, pre, made("button", { class: "a-button", type: "button", "aria-label": "Copy the Python", onclick: copy }, "Copy"));
}

export function render({ model, el }) {
  const root = made("section", { class: "sheet" });
  el.append(root);
  const send = (message) => model.send_msg(message);
  const button = (view, title, now) => made("button", { class: "a-button", type: "button", "aria-pressed": String(now === view), "data-view": view,
    onclick: () => send({ do: "view", view: now === view ? "" : view }) }, title);

  function draw() {
    const told = model.told;
    root.setAttribute("aria-label", told.label || "");
    root.dataset.chart = told.name || "";
    root.classList.toggle("is-busy", model.busy);
    const isShown = told.title || told.table || told.code;  // else its name stands where it will be
    const bar = made("div", { class: "bar" });
    if (told.title) bar.append(made("h2", {}, told.title));
    const say = made("span", { class: told.brushed ? "said" : "said a-quiet", role: "status" }, told.brushed || told.hint || (isShown ? "" : told.label));
    bar.append(say);
    if (told.brushed) bar.append(made("button", { class: "a-plain", type: "button", "data-view": "clear", onclick: () => send({ do: "clear" }) }, "Clear"));
    const right = made("span", { class: "right" });
    if (told.brushed) right.append(button("spans", told.of_what || "Spans", told.view));
    if (told.table && !told.is_list) right.append(button("table", "Table", told.view));
    if (told.code) right.append(button("code", "Python", told.view));
    bar.append(right);
    const parts = [bar];
    if (told.view === "table" && told.table) parts.push(table(told.table, `${told.label}: numbers`, told.can_pick ? (at, on) => send({ do: "pick", row: at, on }) : null));
    if (told.view === "spans" && told.spans) parts.push(table(told.spans, `${told.label}: selected`, null));
    if (told.view === "code" && told.code) parts.push(lines(told.code, `${told.label}: Python`));
    const note = told.view === "table" ? told.table?.note : told.view === "spans" ? told.spans?.note : "";
    if (note) parts.push(made("p", { class: "a-quiet note" }, note));
    if (told.empty) parts.push(made("p", { class: "a-quiet empty" }, told.empty));
    if (told.failed) parts.push(made("p", { class: "a-wrong note", role: "alert" }, told.failed));
    renew(root, ...parts);
  }
  model.on("told", draw);
  // To a server that waits until this is drawn: a frame in which it is, and one to be sure.
  model.on("shown", () => {
    const shown = model.shown;
    requestAnimationFrame(() => requestAnimationFrame(() => send({ do: "drawn", shown })));
  });
  model.on("busy", () => root.classList.toggle("is-busy", model.busy));
  draw();
}

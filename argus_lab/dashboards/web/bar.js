// The head of every page: where one is, what is chosen, whether it is live, light or dark.
// All that comes from spans is put in as text; nothing here makes markup of it.

const NAMES = { project: "Project", service: "Service", model: "Model", component: "Type", status: "Status" };
const MANY = 8;

function theme() {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

export function render({ model, view, el }) {
  const send = (message) => model.send_msg(message);
  let open = null;
  let typed = "";
  let timer = null;
  let lost = "";
  let live = null; // what was switched to, until the page says so: who clicks twice at once switches twice
  const root = made("div", { role: "banner" });
  el.append(root);

  // --- the address -------------------------------------------------------------------------------------
  const address = () => {
    const told = model.told;
    if (!told.has_address) return;
    const query = told.query || "";
    if (query === location.search) return;
    const place = location.pathname + query;
    if (told.is_step) history.pushState(null, "", place);
    else history.replaceState(null, "", place);
  };
  const went = () => send({ do: "went", query: location.search });
  if (model.told.has_address) window.addEventListener("popstate", went);

  // --- choices ---------------------------------------------------------------------------------------
  function close(focus = false) {
    const which = open;
    open = null;
    draw();
    if (focus && which) root.querySelector(`[data-choice="${which}"]`)?.focus();
  }

  function words(name, chosen) {
    if (!chosen.length) return [made("span", { class: "name" }, NAMES[name])];
    const told = chosen.length === 1 ? chosen[0] : `${chosen.length} chosen`;
    return [made("span", { class: "name" }, `${NAMES[name]}: `), told];
  }

  function several(name, told) {
    const chosen = told.choices[name];
    const known = new Map(told.options[name] || []);
    for (const value of chosen) if (!known.has(value)) known.set(value, null);
    const list = made("div", { role: "group", "aria-label": NAMES[name] });
    const matches = (value) => value.toLowerCase().includes(typed.toLowerCase());
    const put = (event) => {
      const inputs = event.currentTarget.closest("[role=group]").querySelectorAll("input:checked");
      const hidden = chosen.filter((value) => typed && !matches(value));
      send({ do: "choose", name, values: [...hidden, ...[...inputs].map((input) => input.dataset.value)] });
    };
    for (const [value, count] of known) {
      if (typed && !matches(value)) continue;
      const input = made("input", { type: "checkbox", checked: chosen.includes(value), "data-value": value, onchange: put });
      const number = count === null ? "" : count.toLocaleString("en");
      list.append(made("label", { title: value, "data-key": value }, input, made("span", {}, value), made("span", { class: "n" }, number)));
    }
    if (!list.children.length) list.append(made("p", { class: "a-quiet" }, known.size ? "No such value" : "Nothing to choose from"));
    const pop = made("div", { class: "pop" });
    if (known.size > MANY) {
      const field = made("input", { class: "a-field", placeholder: "Find", "aria-label": `Find in ${NAMES[name]}`, value: typed,
        oninput: (event) => { typed = event.target.value; draw(); } });
      pop.append(field);
    }
    pop.append(list);
    if (chosen.length) {
      pop.append(made("div", { class: "foot" }, made("button", { class: "a-plain", type: "button", onclick: () => { open = null; send({ do: "choose", name, values: [] }); } }, "Any")));
    }
    return pop;
  }

  const local = (text) => (text && text.includes("-") ? new Date(text).toISOString().slice(0, 16) : "");

  function range(told) {
    const pop = made("div", { class: "pop", role: "group", "aria-label": "Time range" });
    const chosen = told.choices;
    for (const [value, title] of told.presets) {
      const on = !chosen.until && (chosen.since || "") === value;
      const input = made("input", { type: "radio", name: "range", checked: on, onchange: () => { open = null; send({ do: "range", since: value, until: "" }); } });
      pop.append(made("label", {}, input, made("span", {}, title)));
    }
    const since = made("input", { class: "a-field", type: "datetime-local", id: "since", value: local(chosen.since) });
    const until = made("input", { class: "a-field", type: "datetime-local", id: "until", value: local(chosen.until) });
    const go = () => {
      const [from, upto] = ["since", "until"].map((id) => root.querySelector(`#${id}`).value);
      open = null;
      send({ do: "range", since: from && `${from}Z`, until: upto && `${upto}Z` });
    };
    pop.append(made("fieldset", {}, made("label", { for: "since" }, "From"), since, made("label", { for: "until" }, "Until"), until,
      made("span", { class: "a-quiet" }, "UTC"), made("button", { class: "a-button go", type: "button", onclick: go }, "Apply")));
    return pop;
  }

  function choice(name, label, content, isOn) {
    const holder = made("div", { class: "choice", "data-key": name });
    const button = made("button", { class: isOn ? "a-button is-on" : "a-button", type: "button", "aria-haspopup": "true",
      "aria-expanded": String(open === name), "data-choice": name,
      onclick: () => { typed = ""; open = open === name ? null : name; draw(); root.querySelector(".pop input")?.focus(); } }, ...label);
    holder.append(button);
    if (open === name) holder.append(content());
    return holder;
  }

  // --- light and dark ----------------------------------------------------------------------------------
  function turn() {
    const next = theme() === "dark" ? "light" : "dark";
    window.argusTheme?.(next);
    draw();
  }

  // --- all of it -----------------------------------------------------------------------------------------
  function draw() {
    const told = model.told;
    const bar = [];
    if (told.has_address) {
      const eye = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      eye.setAttribute("width", "18"); eye.setAttribute("height", "18"); eye.setAttribute("viewBox", "0 0 18 18"); eye.setAttribute("aria-hidden", "true");
      for (const [shape, attributes] of [["path", { d: "M1.2 9C3.2 5.4 5.9 3.6 9 3.6S14.8 5.4 16.8 9c-2 3.6-4.7 5.4-7.8 5.4S3.2 12.6 1.2 9z", fill: "none", stroke: "currentColor", "stroke-width": "1.4" }], ["circle", { cx: "9", cy: "9", r: "2.6", fill: "var(--a-accent)" }]]) {
        const part = document.createElementNS("http://www.w3.org/2000/svg", shape);
        for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
        eye.append(part);
      }
      const nav = made("nav", { "aria-label": "Pages" });
      for (const [name, title, link] of told.pages) {
        nav.append(made("a", { href: link, "aria-current": name === told.page ? "page" : null }, title));
      }
      const dark = theme() === "dark";
      bar.push(made("div", { class: "top" }, made("a", { class: "brand", href: told.pages[0][2] }, eye, "Argus Lab"), nav,
        made("div", { class: "right" }, made("span", { class: "place", title: told.lake }, told.lake_named),
          made("button", { class: "a-button", type: "button", id: "theme", onclick: turn, "aria-label": dark ? "Light colours" : "Dark colours", title: dark ? "Light colours" : "Dark colours" }, dark ? "Light" : "Dark"))));
    }
    const row = made("div", { class: "choices", role: "group", "aria-label": "Choices" });
    if (told.lakes.length > 1) {
      const options = told.lakes.map(([lake, link]) => made("option", { value: link }, lake));
      const value = (told.lakes.find(([lake]) => lake === told.lake_named) || told.lakes[0])[1];
      row.append(made("select", { class: "a-field", id: "lake", "aria-label": "Lake", value, onchange: (event) => location.assign(event.target.value) }, ...options));
    }
    const isRanged = Boolean(told.choices.since || told.choices.until);
    row.append(choice("range", [told.range], () => range(told), isRanged));
    for (const name of Object.keys(NAMES)) {
      row.append(choice(name, words(name, told.choices[name]), () => several(name, told), told.choices[name].length > 0));
    }
    const search = made("input", { class: "a-field search", id: "search", type: "search", placeholder: "Search in messages", "aria-label": "Search in messages",
      value: told.choices.text || "", onkeydown: (event) => { if (event.key === "Enter") look(event.target.value); },
      oninput: (event) => { const { value } = event.target; clearTimeout(timer); timer = setTimeout(() => look(value), 450); } });
    const look = (value) => { clearTimeout(timer); send({ do: "text", value }); };
    row.append(search);
    if (told.is_narrow) row.append(made("button", { class: "a-plain clear", type: "button", onclick: () => send({ do: "clear" }) }, "Clear"));
    row.append(made("span", { class: "told", role: "status" }, told.words || ""));
    row.append(made("button", { class: "a-button live", type: "button", role: "switch", id: "live", "aria-checked": String(live ?? told.live), title: "New sessions and steps appear by themselves",
      onclick: () => { live = !(live ?? told.live); send({ do: "live", on: live }); draw(); } }, "Live"));
    bar.push(row);
    const [notice, isWrong] = lost ? [lost, true] : [told.notice, told.is_wrong];
    if (notice) bar.push(made("div", { class: isWrong ? "notice is-wrong" : "notice", role: "status" }, notice));
    renew(root, ...bar);
  }

  const outside = (event) => { if (open && !event.composedPath().some((e) => e.classList?.contains("choice"))) close(); };
  const key = (event) => { if (event.key === "Escape" && open) { event.stopPropagation(); close(true); } };
  document.addEventListener("click", outside);
  root.addEventListener("keydown", key);
  const light = new MutationObserver(draw);
  light.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  if (model.told.has_address) whenLost(view.model.document, (words) => { lost = words; draw(); });
  model.on("told", () => { if (model.told.live === live) live = null; draw(); address(); });
  model.on("remove", () => { document.removeEventListener("click", outside); window.removeEventListener("popstate", went); light.disconnect(); });
  draw();
}

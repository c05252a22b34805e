// The head of a page of charts: key numbers, and what the charts are cut by.

function made(name, attributes = {}, ...children) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

export function render({ model, el }) {
  const root = made("div", { class: "switches" });
  el.append(root);
  function draw() {
    const told = model.told;
    const active = root.getRootNode().activeElement?.id;
    const numbers = made("dl", { "aria-label": told.label || "Key numbers" });
    for (const [value, title, more] of told.numbers || []) {
      const pair = made("div", { title: more || null }, made("dt", {}, title), made("dd", {}, value));
      numbers.append(pair);
    }
    const fields = made("div", { class: "fields" });
    for (const field of told.fields || []) {
      const select = made("select", { class: "a-field", id: `switch-${field.name}` });
      for (const [value, title] of field.options) select.append(made("option", { value }, title));
      select.value = field.value;
      select.addEventListener("change", () => model.send_msg({ do: "set", name: field.name, value: select.value }));
      fields.append(made("label", {}, made("span", { class: "a-quiet" }, field.title), select));
    }
    root.replaceChildren(numbers, fields);
    if (active) root.querySelector(`#${CSS.escape(active)}`)?.focus({ preventScroll: true });
  }
  model.on("told", draw);
  draw();
}

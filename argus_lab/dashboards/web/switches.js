// The head of a page of charts: key numbers, and what the charts are cut by.

export function render({ model, el }) {
  const root = made("div", { class: "switches" });
  el.append(root);
  function draw() {
    const told = model.told;
    const numbers = made("dl", { "aria-label": told.label || "Key numbers" });
    for (const [value, title, more] of told.numbers || []) {
      const pair = made("div", { title: more || null }, made("dt", {}, title), made("dd", {}, value));
      numbers.append(pair);
    }
    const fields = made("div", { class: "fields" });
    for (const field of told.fields || []) {
      const { name, title, value } = field;
      const options = field.options.map(([each, words]) => made("option", { value: each }, words));
      const select = made("select", { class: "a-field", id: `switch-${name}`, value,
        onchange: (event) => model.send_msg({ do: "set", name, value: event.target.value }) }, ...options);
      fields.append(made("label", { "data-key": name }, made("span", { class: "a-quiet" }, title), select));
    }
    renew(root, numbers, fields);
  }
  model.on("told", draw);
  draw();
}

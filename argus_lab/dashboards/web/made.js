// What is drawn anew stays the elements that it was, as far as it is alike: a click that is under way, what is
// half typed, a list that is open, the focus and what is scrolled are not lost to what changes elsewhere.
// Texts are put in as texts.

const HEARD = Symbol("what an element does with events");
const TOLD = Symbol("what a field was told to show");

function hear(element, name, act) {
  const heard = (element[HEARD] ??= {});
  if (!(name in heard)) element.addEventListener(name, (event) => element[HEARD][name]?.(event));
  heard[name] = act;
}

// An element. What it does with an event finds itself in `event.currentTarget`: it may be told to another one.
function made(name, attributes = {}, ...children) {
  const found = document.createElement(name);
  found.append(...children.filter((child) => child !== null && child !== undefined));
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) hear(found, key.slice(2), value);
    else if (key === "checked" || key === "value") { found[key] = value; (found[TOLD] ??= {})[key] = value; }
    else if (key === "disabled") found.disabled = value;
    else if (value !== null && value !== undefined) found.setAttribute(key, value);
  }
  return found;
}

const sign = (node) => (node.nodeType === Node.ELEMENT_NODE
  ? [node.localName, node.id || node.dataset.key || node.dataset.view || node.classList[0] || ""].join(" ") : node.nodeType);

// A field follows what it is told when that changes; until then it keeps what a reader put in.
function follow(now, next) {
  const before = now[TOLD] ?? {}, after = next[TOLD] ?? {};
  const isTyped = now.localName === "input" && now.type !== "checkbox" && now.type !== "radio" && now.getRootNode().activeElement === now;
  for (const [key, value] of Object.entries(after)) if (before[key] !== value && !isTyped && now[key] !== value) now[key] = value;
  now[TOLD] = after;
}

function become(now, next) {
  if (now.nodeType !== Node.ELEMENT_NODE) { if (now.data !== next.data) now.data = next.data; return; }
  for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  for (const name of Object.keys(now[HEARD] ?? {})) if (!(name in (next[HEARD] ?? {}))) now[HEARD][name] = null;
  for (const [name, act] of Object.entries(next[HEARD] ?? {})) hear(now, name, act);
  renew(now, ...next.childNodes);
  follow(now, next);
}

// Show these parts in an element: what is alike stays and changes, in its order; the rest comes and goes.
function renew(root, ...parts) {
  let now = root.firstChild;
  for (const next of parts) {
    let found = now;
    while (found && sign(found) !== sign(next)) found = found.nextSibling;
    while (found && now !== found) { const after = now.nextSibling; now.remove(); now = after; }
    if (found) { become(found, next); now = found.nextSibling; } else root.insertBefore(next, now);
  }
  while (now) { const after = now.nextSibling; now.remove(); now = after; }
}

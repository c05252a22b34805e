// A page that has nothing to show says so, why, and what to do: words, and lines to copy.

export function render({ model, el }) {
  const draw = () => {
    const told = model.told;
    const sheet = document.createElement("div");
    sheet.className = told.is_wrong ? "sheet wrong" : "sheet";
    if (told.is_wrong) sheet.setAttribute("role", "alert");
    const put = (name, text) => { const made = document.createElement(name); made.textContent = text; sheet.append(made); };
    put("h1", told.title || "");
    for (const words of told.words || []) put("p", words);
    for (const [title, lines] of told.lines || []) {
      if (title) put("h2", title);
      const box = document.createElement("div");
      box.className = "lines";
      const pre = document.createElement("pre");
      pre.textContent = lines;
      pre.tabIndex = 0;
      const copy = document.createElement("button");
      copy.className = "a-button";
      copy.type = "button";
      copy.textContent = "Copy";
      copy.setAttribute("aria-label", title ? `Copy: ${title}` : "Copy");
      copy.onclick = async () => {
        try { await navigator.clipboard.writeText(lines); copy.textContent = "Copied"; }
        catch { getSelection().selectAllChildren(pre); copy.textContent = "Selected"; }
        setTimeout(() => { copy.textContent = "Copy"; }, 1500);
      };
      box.append(pre, copy);
      sheet.append(box);
    }
    el.replaceChildren(...[...el.children].filter((child) => child.tagName === "STYLE" || child.tagName === "LINK"), sheet);
  };
  model.on("told", draw);
  draw();
}

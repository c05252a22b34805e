// BokehJS makes the views of a layout one after the other, each of which may take a while, and listens to a
// layout only when all of them are made. Children that change meanwhile are not seen, and two changes at the
// same time make two views of one child, one of which is never drawn: a part of the page stays blank for good.
// Below what is marked as ours, a layout looks again once it is drawn, and changes come one after the other.

(() => {
  const { LayoutDOMView } = window.Bokeh.require("models/layouts/layout_dom");
  const views = LayoutDOMView.prototype;
  if (Object.hasOwn(views, "argus_connect")) return; // two pages in one notebook
  views.argus_connect = views.connect_signals;

  const isOurs = (view) => {
    for (let each = view; each; each = each.parent) if (each.model.tags?.includes("argus-lab")) return true;
    return false;
  };
  const isBehind = (view) => {
    const wanted = view.child_models;
    return wanted.length !== view._child_views.size || wanted.some((model) => !view._child_views.has(model));
  };

  views.connect_signals = function connect_signals() {
    this.argus_connect();
    if (!isOurs(this)) return;
    const update = this.update_children;
    let isDrawn = false;
    let last = new Promise((resolve) => {
      this.after_render = () => {
        delete this.after_render;
        this.after_render();
        isDrawn = true;
        resolve();
      };
    });
    const next = (act) => { last = last.then(act).catch((error) => console.error(error)); return isDrawn ? last : undefined; };
    this.update_children = () => next(() => (this.is_destroyed ? undefined : update.call(this)));
    next(() => (!this.is_destroyed && isBehind(this) ? update.call(this) : undefined));
  };
})();

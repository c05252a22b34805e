// A server that was stopped, or a machine that slept for a night: what a page was told there is gone, and Bokeh
// says nothing of it. The page says so, and is loaded again, as its address has it, once a server answers.

const LOOK_EVERY_MS = 2000;

function whenLost(page, tell) {
  let isLost = false;
  const look = async () => {
    try {
      const found = await fetch("static/js/bokeh.min.js", { method: "HEAD", cache: "no-store" });
      if (found.ok) location.reload();
    } catch { /* there is none yet */ }
  };
  page.on_event("connection_lost", () => {
    if (isLost) return;
    isLost = true;
    tell("The server of this page has gone, or this machine slept: nothing new is shown. It is looked for…");
    setInterval(look, LOOK_EVERY_MS);
  });
}

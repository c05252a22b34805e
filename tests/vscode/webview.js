// What VS Code and its Jupyter extension do in the webview of a notebook, as far as a widget can tell.
//
// The widget manager is theirs, from npm; the rest is written anew after their sources: which messages of a
// kernel reach a cell's outputs, which script stands for a widget's module, what a widget is put into. In VS
// Code the extension holds the connection to the kernel and mirrors it into the webview; here the webview
// holds it itself.

import { activate } from "./node_modules/@vscode/jupyter-ipywidgets8/dist/ipywidgets.js";

const { KernelAPI, KernelManager, ServerConnection } = window["@jupyterlab/services"];
const WIDGET = "application/vnd.jupyter.widget-view+json";

// Modules of other makers are found by what their extension.js tells RequireJS of them.
async function scripts(folders) {
  const found = {};
  for (const folder of folders) {
    const text = await (await fetch(`nbextensions/${folder}/extension.js`)).text();
    const [, told] = text.match(/config\(\{\s*map:\s*\{\s*"\*":\s*\{([^}]*)\}/);
    for (const pair of told.split(",").filter((each) => each.trim())) {
      const [name, path] = pair.split(":").map((each) => each.trim().replace(/^["']|["']$/g, ""));
      found[name] = path;
    }
  }
  return found;
}

// The script that is asked for is told to RequireJS, without its ending, as the extension does.
function loader(known, failed) {
  const widgetsRegisteredInRequireJs = new Set();
  return {
    widgetsRegisteredInRequireJs,
    async loadWidgetScript(name) {
      if (!(name in known)) throw new Error(`no script for ${name}`);
      window.requirejs.config({ paths: { [name]: new URL(known[name], document.baseURI).href } });
      widgetsRegisteredInRequireJs.add(name);
    },
    successHandler() {},
    errorHandler: (...told) => failed(told),
  };
}

class Webview {
  constructor() {
    this.outputs = [];
    this.lost = []; // updates of outputs that VS Code would not take
    this.failed = [];
    this.owned = new Set(); // ids of requests whose messages belong to the cell
    this.comms = new Set();
  }

  async connect(token, folders) {
    activate();
    window.vscIPyWidgets8.load();
    this.known = await scripts(folders);
    const baseUrl = `${location.origin}/`;
    const wsUrl = baseUrl.replace("http", "ws");
    this.settings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, appendToken: true });
    this.kernels = new KernelManager({ serverSettings: this.settings });
    this.begin(await this.kernels.startNew({ name: "python3" }));
  }

  begin(kernel) {
    this.kernel = kernel;
    kernel.commsOverSubshells = "disabled"; // VS Code's manager knows nothing of them
    const load = loader(this.known, (told) => this.failed.push(told));
    this.manager = new window.vscIPyWidgets.WidgetManager(kernel, undefined, load, () => {});
    kernel.anyMessage.connect((_kernel, { direction, msg }) => {
      const isOfWidget = msg.header.msg_type === "comm_msg" && this.comms.has(msg.content.comm_id);
      if (direction === "send" && this.isOver && isOfWidget) this.owned.add(msg.header.msg_id);
    });
    kernel.iopubMessage.connect((_kernel, message) => this.receive(message));
  }

  // The extension drops what it has of a kernel that is restarted, and begins anew; the page stays as it is.
  async restart() {
    const model = this.kernel.model;
    this.manager.dispose();
    this.kernel.dispose();
    await KernelAPI.restartKernel(model.id, this.settings);
    this.begin(this.kernels.connectTo({ model }));
  }

  // Runs the cell; done when the kernel says so.
  async run(code) {
    this.cell().replaceChildren();
    this.outputs = [];
    this.displays = new Map();
    this.isOver = false;
    const request = this.kernel.requestExecute({ code }, false);
    this.owned = new Set([request.msg.header.msg_id]);
    const reply = await request.done;
    this.isOver = true;
    return reply.content.status;
  }

  cell() {
    let cell = document.querySelector(".output_container");
    if (!cell) {
      cell = document.createElement("div");
      cell.className = "output_container";
      const around = document.createElement("div");
      around.className = "cell_container";
      around.append(cell);
      document.querySelector("#container").append(around);
    }
    return cell;
  }

  // A cell hears what its request, or a message of its widgets, has caused, and nothing else.
  receive({ header, parent_header: parent, content }) {
    const kind = header.msg_type;
    const isOurs = this.owned.has(parent?.msg_id);
    if (kind === "update_display_data" && !isOurs) this.lost.push(content);
    if (!isOurs) return;
    if (kind === "comm_open") this.comms.add(content.comm_id);
    if (kind === "display_data" || kind === "execute_result") this.add(kind, content);
    if (kind === "update_display_data") this.change(content);
    if (kind === "stream") this.add(kind, { data: { "text/plain": content.text } });
    if (kind === "error") this.add(kind, { data: { "text/plain": content.traceback.join("\n") } });
  }

  add(kind, { data, metadata = {}, transient }) {
    const output = { output_type: kind, data, metadata };
    this.outputs.push(output);
    const element = document.createElement("div");
    element.className = "output";
    this.cell().append(element);
    if (transient?.display_id) this.displays.set(transient.display_id, { output, element });
    this.show(output, element);
  }

  change({ data, metadata, transient }) {
    const found = this.displays.get(transient.display_id);
    if (!found) return;
    Object.assign(found.output, { data, metadata });
    this.show(found.output, found.element);
  }

  show({ data }, element) {
    element.replaceChildren();
    const inner = document.createElement("div");
    inner.tabIndex = 0;
    element.append(inner);
    if (WIDGET in data && this.manager) this.widget(data[WIDGET], inner);
    else if ("text/html" in data) inner.innerHTML = [data["text/html"]].flat().join("");
    else inner.textContent = [data["text/plain"] ?? ""].flat().join("");
  }

  async widget(data, inner) {
    const around = document.createElement("div");
    around.className = "cell-output-ipywidget-background";
    const output = document.createElement("div");
    output.className = "cell-output";
    around.append(output);
    inner.append(around);
    const model = await this.manager.get_model(data.model_id);
    const view = await this.manager.create_view(model, { el: around });
    await this.manager.display_view(data, view, { node: around });
    setTimeout(() => reachable(around), 500);
  }

  // A notebook that was saved and is opened with no kernel.
  open(outputs) {
    for (const output of outputs) this.add(output.output_type, output);
  }

  async close() {
    await this.kernel?.shutdown();
    this.kernels?.dispose();
  }
}

// The extension makes a widget's buttons reachable by keys, and presses them at Enter and space itself.
function reachable(around) {
  for (const button of around.querySelectorAll("button:not([tabindex])")) {
    button.tabIndex = 0;
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
  }
}

// VS Code hears of keys that nobody has kept, and takes Esc as leaving the output.
window.heard = [];
window.addEventListener("keydown", (event) => window.heard.push(event.key));
window.webview = new Webview();

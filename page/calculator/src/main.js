// The calculator: a network from the list, a file or the editor; settings; and the report of what flopcount counts.
import { mount, parse } from "../../src/report.jsx";
import { notationOf } from "./context.js";
import { editor } from "./editor.js";
import { Engine } from "./engine.js";
import { fragmentOf, stateOf } from "./link.js";
import { networkList } from "./networks.js";
import { element, Settings } from "./settings.js";

const FIRST = "mobilenet_v1_1.0_224";
const NEW = `name = "network"
input = [3, 32, 32]    # channels, then the sizes

[[layers]]
type = "Conv"
out_channels = 16
kernel_size = 3
padding = "same"
norm = "batch"
activation = "relu"

[[layers]]
type = "GlobalAvgPool"

[[layers]]
type = "Flatten"

[[layers]]
type = "Linear"
out_features = 10
`;
const LARGEST = 2 ** 30; // bytes of a file that a browser can hold twice
const LONG = 8000; // characters of a link that some programs cut

const at = (id) => document.getElementById(id);
const source = { network: FIRST };
let engine;
let spec;
let settings;
let timer;
let isBusy = false;
let isPending = false;
let isWanted = false; // counted as soon as Python has started
let described = "";
let written;
let version = 0;
let slow;

async function json(name) {
  const response = await fetch(new URL(name, document.baseURI));
  if (!response.ok) throw new Error(`${name} cannot be loaded: ${response.status}`);
  return response.json();
}

function say(text, fraction) {
  at("status").textContent = text;
  at("progress").hidden = fraction === undefined;
  if (fraction !== undefined) at("progress").value = fraction;
}

async function main() {
  if (location.protocol === "file:") {
    say("Browsers do not start Python from a file. Serve the site instead: python3 -m http.server --directory build/site, then open /calculator/ there.");
    return;
  }
  const loading = Promise.all([json("arch.schema.json"), json("catalog.json")]);
  engine = new Engine(Number(document.body.dataset.total), {
    progress: (fraction) => say("Loading Python and flopcount", fraction),
    ready: async () => {
      await loading;
      written = undefined;
      say(isWanted ? "Counting" : "Ready; change something to count");
      if (isWanted) count();
    },
    broken: (reason, isStart) => {
      isWanted = isPending = false;
      fail([{ what: isStart ? `Python did not start: ${reason}. Reload the page, or use another browser.` : `Python stopped: ${reason}. It starts again; change something to count.` }]);
    },
  });
  const [schema, catalog] = await loading;
  spec = editor(at("editor"), schema, "Spec of the network, TOML or JSON", typed);
  settings = new Settings(at("settings"), catalog.precisions, () => later(120));
  networkList(at("search"), at("networks"), catalog.networks, (name) => open({ network: name }));
  wire();
  await follow();
}

/** Open what the address says. */
async function follow() {
  try {
    await open((await stateOf(location.hash)) ?? { network: FIRST });
  } catch (error) {
    await open({ network: FIRST });
    fail([{ what: error.message }]);
  }
}

/** Open a bundled network, a spec or a file. */
async function open({ settings: given = {}, ...found }) {
  for (const key of Object.keys(source)) delete source[key];
  Object.assign(source, found);
  version += 1;
  described = "";
  settings.clear();
  settings.set(given);
  at("search").value = source.network ?? "";
  at("report").scrollTop = 0;
  if (source.spec !== undefined) {
    source.name = nameOf(source.name, source.spec);
    spec.text = source.spec;
  }
  spec.tell([]);
  arrange();
  count();
}

/** Return a name of a file for a spec, with the ending of its notation. */
function nameOf(name, text) {
  const stem = (name || "network").replace(/\.(toml|json)$/, "");
  return `${clean(stem)}.${notationOf(text)}`;
}

/** Return a name that is a file of one folder. */
function clean(name) {
  return name.split(/[\\/]/).at(-1).replace(/[\0-\x1f]/g, "").replace(/^[-.]+/, "").slice(0, 100) || "network";
}

function arrange() {
  const isFile = source.bytes !== undefined;
  at("editor").hidden = isFile;
  at("file-note").hidden = !isFile && !source.variant;
  at("convert").hidden = !isFile;
  at("link").disabled = at("save").disabled = isFile;
  at("link").title = isFile ? "A link carries a spec, not a file: edit it as a spec first" : "";
  at("file-note").textContent = isFile
    ? `${source.name}, ${source.bytes.length.toLocaleString("en-US")} bytes, a model of another tool. “Edit as spec” turns it into an arch file, which you can change, save and share as a link.`
    : `${source.network} is the variant ${source.variant} of this file.`;
}

/** Take what was typed: a bundled network becomes a spec of its own. */
function typed(text) {
  const before = settings.values;
  if (source.network !== undefined) {
    source.name = source.file ?? "network.toml";
    if (source.variant) settings.set({ ...before, variant: source.variant });
    for (const key of ["network", "file", "variant"]) delete source[key];
    arrange();
    at("search").value = "";
  }
  source.name = nameOf(source.name, text);
  source.spec = text;
  version += 1;
  later(350);
}

function later(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(count, milliseconds);
}

function request(ask) {
  const { input, width, batch, precision, variant, unknown } = settings.values;
  const options = { size: input, width, batch: batch && Number(batch), precision, variant, allow_unknown: unknown };
  const name = source.network ?? source.name;
  const content = source.spec ?? source.bytes;
  const isNew = content !== undefined && written !== version;
  if (isNew) written = version;
  return { ask, name, options, ...(isNew ? { content } : {}) };
}

/** Count what is there now; while the worker counts, only the last change waits. */
async function count() {
  clearTimeout(timer);
  isWanted = true;
  if (!engine?.isReady) return;
  if (isBusy) {
    isPending = true;
    return;
  }
  const batch = settings.values.batch;
  if (batch && !/^[1-9]\d{0,9}$/.test(batch)) {
    fail([{ what: `The batch is a whole number from 1, not ${batch}.` }]);
    return;
  }
  isBusy = true;
  at("report").setAttribute("aria-busy", "true");
  slow = setTimeout(() => {
    at("stop").hidden = false;
    say("Counting; a large network takes a while");
  }, 1500);
  try {
    await counted();
  } finally {
    clearTimeout(slow);
    at("stop").hidden = true;
    isBusy = false;
    at("report").setAttribute("aria-busy", String(isPending));
  }
  if (isPending) {
    isPending = false;
    count();
  }
}

async function counted() {
  const mine = version;
  if (source.network !== undefined && source.file === undefined) {
    const found = await answered({ ask: "source", name: source.network });
    if (!found || mine !== version) return;
    if (found.problems) return fail(found.problems);
    Object.assign(source, { file: found.file, variant: found.variant });
    spec.text = found.text;
    arrange();
  }
  const begun = performance.now();
  const found = await answered(request("document"));
  if (!found || mine !== version) return;
  clearTimeout(slow);
  if (found.problems) fail(found.problems);
  else show(found.document, performance.now() - begun);
  await remember();
  await describe(mine);
}

async function answered(asked) {
  const text = await engine.ask(asked);
  return text === null ? undefined : parse(text);
}

/** Ask which settings apply, once for each network and variant. */
async function describe(mine) {
  const key = `${version} ${settings.values.variant ?? ""} ${settings.values.unknown ?? ""}`;
  if (described === key) return;
  const found = await answered(request("controls"));
  if (!found || mine !== version) return;
  if (found.problems) {
    if (source.bytes) settings.show({ inputs: {}, sizes: [], variants: [], applies: {}, foreign: true });
    return;
  }
  described = key;
  settings.show(found);
}

function show(found, took) {
  spec.tell([]);
  at("problems").hidden = true;
  at("report").classList.remove("stale");
  mount(at("report"), found);
  at("to-report").hidden = false;
  const [network] = found.networks;
  document.title = `${network.name} · flopcount calculator`;
  const { params, macs } = network.count.totals;
  const least = network.count.at_least ? "at least " : "";
  const integer = (value) => value.toLocaleString("en-US");
  say(`${network.name}: ${least}${integer(params)} params, ${least}${integer(macs)} MACs, counted in ${(took / 1000).toFixed(2)} s`);
}

/** Say what is wrong, beside the editor and in it; the last report stays, faded. */
function fail(problems) {
  const box = at("problems");
  const items = problems.map((each) => {
    const item = element("li", {});
    if (each.line && source.bytes === undefined) {
      const go = element("button", { type: "button", className: "plain", textContent: `Line ${each.line}` });
      go.addEventListener("click", () => reach(each));
      item.append(go, ": ");
    }
    item.append(each.what);
    if (each.code) item.append(element("pre", { textContent: each.code.join("\n") }));
    return item;
  });
  const list = element("ul", {});
  list.append(...items);
  box.replaceChildren(element("h2", { textContent: problems.length > 1 ? `${problems.length} problems` : "A problem" }), list);
  if (at("report").hasChildNodes()) box.append(element("p", { textContent: "The report below is of the last network that could be counted." }));
  box.hidden = false;
  at("report").classList.add("stale");
  say(problems.length > 1 ? `${problems.length} problems` : "A problem");
  if (source.bytes === undefined) spec?.tell(problems);
}

function reach({ line, column }) {
  const { view } = spec;
  const { from, to } = view.state.doc.line(Math.min(line, view.state.doc.lines));
  view.focus();
  view.dispatch({ selection: { anchor: Math.min(to, from + Math.max(0, (column || 1) - 1)) }, scrollIntoView: true });
}

/** Keep what is counted in the address; a link that was copied before is an older one. */
async function remember() {
  at("copied").textContent = "";
  const { network, name } = source;
  const text = source.spec;
  const { unknown: _, ...kept } = settings.values;
  const fragment = source.bytes ? " " : await fragmentOf({ network, spec: text, name, settings: kept });
  history.replaceState(null, "", fragment === " " ? location.pathname : fragment);
}

function wire() {
  at("stop").addEventListener("click", () => {
    isWanted = isPending = false;
    engine.stop();
    fail([{ what: "Counting was stopped; change something to count." }]);
  });
  at("choose").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", () => {
    take(at("file").files[0]);
    at("file").value = "";
  });
  at("new").addEventListener("click", async () => {
    await open({ spec: NEW, name: "network" });
    spec.view.focus();
  });
  at("link").addEventListener("click", copy);
  at("save").addEventListener("click", save);
  at("convert").addEventListener("click", convert);
  addEventListener("hashchange", follow);
  at("to-report").addEventListener("click", toReport);
  document.querySelector(".skip").addEventListener("click", toReport);
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
  }
  addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dragging"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove("dragging");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  }, true);
}

/** Go to the report without a change of the address, which says what is counted. */
function toReport(event) {
  event.preventDefault();
  at("report").focus();
  at("report").scrollIntoView();
}

/** Open a file: an arch file goes to the editor, a model of another tool to flopcount as it is. */
async function take(file) {
  if (!file) return;
  if (file.size > LARGEST) {
    fail([{ what: `${file.name} has more than 1 GiB, too much for a browser. On the command line: flopcount ${file.name}` }]);
    return;
  }
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    fail([{ what: `${file.name} cannot be read: it may be a folder, or have changed` }]);
    return;
  }
  const text = /\.(toml|json)$/i.test(file.name) ? archText(bytes, file.name) : undefined;
  open(text === undefined ? { name: clean(file.name), bytes } : { name: clean(file.name), spec: text });
}

function archText(bytes, name) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
  return /\.toml$/i.test(name) || !/"(class_name|config)"\s*:/.test(text.slice(0, 10_000)) ? text : undefined;
}

async function copy() {
  await remember();
  const { href } = location;
  const more = href.length > LONG ? `; it has ${href.length.toLocaleString("en-US")} characters, and some programs cut long links` : "";
  try {
    await navigator.clipboard.writeText(href);
    at("copied").textContent = `Link copied${more}`;
  } catch {
    at("copied").textContent = `The address of this page is the link${more}`;
  }
}

function save() {
  const name = source.network ? source.file ?? "network.toml" : source.name;
  const url = URL.createObjectURL(new Blob([spec.text], { type: "text/plain" }));
  element("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

async function convert() {
  say("Converting");
  const found = await answered(request("spec"));
  if (!found) return;
  if (found.problems) fail(found.problems);
  else open({ spec: found.text, name: source.name.replace(/\.[^.]*$/, ""), settings: found.settings ?? {} });
}

main().catch((error) => say(`The calculator cannot start: ${error.message}`));

// flopcount in a worker, so that the page stays responsive: Python, what it needs, then one question after another.
import { loadPyodide } from "pyodide";
import { Language, Parser } from "web-tree-sitter";

const base = new URL("./", import.meta.url);
let python;
let parsers;
let kept; // the file that was written last; another network takes its place

/** Count the bytes of everything that is fetched while Python starts, for the bar of progress. */
function watched(total) {
  const plain = self.fetch;
  let loaded = 0;
  self.fetch = async (...given) => {
    const response = await plain(...given);
    if (!response.ok) throw new Error(`${response.url} cannot be loaded: ${response.status}`);
    const counter = new TransformStream({
      transform(chunk, controller) {
        loaded += chunk.byteLength;
        self.postMessage({ progress: Math.min(1, loaded / total) });
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(counter), { headers: response.headers, status: response.status });
  };
  return () => {
    self.fetch = plain;
  };
}

async function bytes(name) {
  return new Uint8Array(await (await fetch(new URL(name, base))).arrayBuffer());
}

async function start(total) {
  const done = watched(total);
  const [found, site] = await Promise.all([
    loadPyodide({
      indexURL: base.href,
      lockFileContents: fetch(new URL("pyodide-lock.json", base)).then((response) => response.text()),
      env: { PYDANTIC_DISABLE_PLUGINS: "__all__", HOME: "/home" },
    }),
    bytes("site.zip"),
    grammars(),
  ]);
  done();
  python = found;
  python.unpackArchive(site, "zip", { extractDir: python.runPython("import site; site.getsitepackages()[0]") });
  python.FS.mkdirTree("/networks");
  python.FS.chdir("/networks");
  python.pyimport("places").install(tree);
  python.answer = python.pyimport("calculator").answer;
}

async function grammars() {
  await Parser.init({ locateFile: (name) => new URL(name, base).href });
  const names = ["json", "toml"];
  const found = await Promise.all(names.map(async (name) => Language.load(await bytes(`tree-sitter-${name}.wasm`))));
  parsers = Object.fromEntries(names.map((name, index) => [name, new Parser().setLanguage(found[index])]));
}

/** Return the tree of a text, as JSON that Python reads. */
function tree(text, language) {
  const parsed = parsers[language].parse(text);
  const plain = (node) => [
    node.type,
    node.isNamed,
    node.hasError,
    [node.startPosition.row, node.startPosition.column],
    [node.endPosition.row, node.endPosition.column],
    node.children.map(plain),
  ];
  try {
    return JSON.stringify(plain(parsed.rootNode));
  } finally {
    parsed.delete();
  }
}

/** Keep one file, and none beside a bundled network: it would take memory, and the place of one of the same name. */
function keep(name, content) {
  if (kept) python.FS.unlink(kept);
  kept = name;
  if (name) python.FS.writeFile(name, content);
}

self.onmessage = async ({ data: { id, start: total, content, ...asked } }) => {
  try {
    if (total) {
      await start(total);
      self.postMessage({ ready: true });
      return;
    }
    if (content !== undefined || asked.ask === "source") keep(content === undefined ? undefined : asked.name, content);
    self.postMessage({ id, answer: python.answer(JSON.stringify(asked)) });
  } catch (error) {
    self.postMessage({ id, failed: String(error?.message ?? error).trim().split("\n").at(-1).slice(0, 300) });
  }
};

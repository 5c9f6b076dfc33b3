// The data of a page: integers stay exact, layers become a tree of blocks.

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]{15,}/g;

/** Parse JSON; integers beyond 2^53 become BigInt. */
export function parse(text) {
  const large = [];
  const marked = text.replace(TOKENS, (token) => {
    if (!/^-?\d+$/.test(token) || Number.isSafeInteger(Number(token))) return token;
    large.push(BigInt(token));
    return `{"\\u0000":${large.length - 1}}`;
  });
  if (!large.length) return JSON.parse(text);
  return JSON.parse(marked, (_, value) =>
    value !== null && typeof value === "object" && "\u0000" in value ? large[value["\u0000"]] : value,
  );
}

/** Add two integers exactly. */
export function add(one, other) {
  if (typeof one === "number" && typeof other === "number") {
    const sum = one + other;
    if (!Number.isInteger(sum) || Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(one) + BigInt(other);
}

/** How values of layers combine. */
export const COMBINE = {
  sum: add,
  max: (one, other) => (one >= other ? one : other),
};

/** Return the tree of blocks of a network: {path, name, row?, children, values, first, last}. */
export function treeOf(network, metrics) {
  const root = block("", network.name);
  const blocks = new Map([["", root]]);
  network.count.layers.forEach((row, index) => {
    const names = row.path.split(".");
    let parent = root;
    for (let depth = 1; depth < names.length; depth++) {
      const path = names.slice(0, depth).join(".");
      let inner = blocks.get(path);
      if (!inner) {
        inner = block(path, names[depth - 1]);
        blocks.set(path, inner);
        parent.children.push(inner);
      }
      parent = inner;
    }
    const node = { ...block(row.path, names.at(-1)), row, index, first: index, last: index };
    node.values = valuesOf(row, metrics);
    node.children = parts(row.parts ?? [], index, metrics);
    parent.children.push(node);
  });
  settle(root, metrics);
  return root;
}

function block(path, name) {
  return { path, name, row: null, index: -1, children: [], values: {}, first: Infinity, last: -1, isPart: false };
}

function parts(rows, index, metrics) {
  return rows.map((row) => ({
    ...block(row.path, row.path.split(".").at(-1)),
    row,
    index,
    first: index,
    last: index,
    isPart: true,
    values: valuesOf(row, metrics),
    children: parts(row.parts ?? [], index, metrics),
  }));
}

function valuesOf(row, metrics) {
  return Object.fromEntries(Object.keys(metrics).map((name) => [name, row[name] ?? null]));
}

function settle(node, metrics) {
  if (node.row) return;
  for (const child of node.children) {
    settle(child, metrics);
    node.first = Math.min(node.first, child.first);
    node.last = Math.max(node.last, child.last);
  }
  node.values = combined(node.children, metrics);
}

/** Return the values of several nodes together: null of a metric that does not combine. */
export function combined(nodes, metrics) {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => {
      const combine = COMBINE[metric.combine];
      const known = nodes.map((each) => each.values[name]).filter((value) => value !== null);
      return [name, combine && known.length ? known.reduce(combine) : null];
    }),
  );
}

/** Return how many layers are in a node. */
export function layersIn(node) {
  return node.row ? 1 : node.children.reduce((sum, child) => sum + layersIn(child), 0);
}

/** Return the nodes that a node stands for in a chart of a metric: its parts only if all of them have the metric. */
export function childrenFor(node, metric) {
  if (!node.row) return node.children;
  return node.children.length && node.children.every((child) => child.values[metric] !== null) ? node.children : [];
}

const COMPARISON = /^([a-z_]+)(<=|>=|<|>|=)(\d+(?:\.\d+)?)([kmgt]?)$/;
const SCALES = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const COMPARE = {
  "<": (one, other) => one < other,
  "<=": (one, other) => one <= other,
  ">": (one, other) => one > other,
  ">=": (one, other) => one >= other,
  "=": (one, other) => one == other, // of a BigInt and a number too
};

/** Return what tells whether a node matches a search: words of its path or type, and limits such as macs>10M. */
export function matcher(query) {
  const tests = query.trim().toLowerCase().split(/\s+/).filter(Boolean).map(testOf);
  if (!tests.length) return null;
  const matches = (node) => (node.isGroup ? node.children.some(matches) : tests.every((test) => test(node)));
  return matches;
}

/** Return how many layers of a tree match a search, or null if nothing is searched. */
export function matched(query, root) {
  const matches = matcher(query);
  const within = (node) => (node.row ? Number(matches(node)) : node.children.reduce((sum, each) => sum + within(each), 0));
  return matches && within(root);
}

function testOf(word) {
  const [, name, sign, digits, prefix] = COMPARISON.exec(word) ?? [];
  if (!name) return (node) => `${node.path} ${node.row?.type ?? ""}`.toLowerCase().includes(word);
  const limit = prefix || digits.includes(".") ? Number(digits) * SCALES[prefix] : BigInt(digits);
  return (node) => node.row !== null && COMPARE[sign](node.values[name] ?? NaN, limit);
}

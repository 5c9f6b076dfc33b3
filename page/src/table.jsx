// The table of layers: blocks fold, columns sort, rows filter, and what is shown can be copied.
import {
  createTable,
  getCoreRowModel,
  getExpandedRowModel,
  getFilteredRowModel,
  getSortedRowModel,
} from "@tanstack/table-core";
import { useEffect, useMemo, useState } from "preact/hooks";
import { layersIn, matcher } from "./data.js";
import { brief, COPIES, exact, percent, shape } from "./format.js";

const PAGE = 400;
const MORE = ["input", "kernel", "stride", "groups", "source", "bound", "least_seconds", "cycles", "utilization"];
const TITLES = { least_seconds: "least time", bound: "bound by" };
const NUMERIC = new Set(["least_seconds", "cycles", "utilization", "groups"]);

const MODELS = {
  onStateChange: () => {},
  renderFallbackValue: null,
  getRowId: (node) => `${node.isPart ? "+" : node.row ? "" : "/"}${node.path}`,
  getSubRows: (node) => (node.children.length ? node.children : undefined),
  filterFromLeafRows: true,
  getColumnCanGlobalFilter: () => true,
  getCoreRowModel: getCoreRowModel(),
  getSortedRowModel: getSortedRowModel(),
  getFilteredRowModel: getFilteredRowModel(),
  getExpandedRowModel: getExpandedRowModel(),
};

/** Show every layer as a row in its block. */
export function LayerTable({ root, metric, metrics, about, query, setQuery, selected, onSelect }) {
  const [sorting, setSorting] = useState([]);
  const [columns, setColumns] = useState(() => new Set(["params", "macs"]));
  const [expanded, setExpanded] = useState(() => openTo(root, 1));
  const [most, setMost] = useState(PAGE);
  const [exactly, setExactly] = useState(false);
  useEffect(() => {
    setExpanded(openTo(root, 1));
    setMost(PAGE);
  }, [root]);
  const known = useMemo(() => extras(root), [root]);
  const shown = [...new Set([...columns, metric])].filter((name) => metrics[name] || known.includes(name));
  const found = matcher(query);

  const listed = useMemo(
    () => [
      { id: "path", accessorFn: (node) => node.path },
      { id: "type", accessorFn: (node) => typeOf(node) },
      ...Object.keys(metrics).map((name) => ({
        id: name,
        accessorFn: (node) => (node.values[name] === null ? undefined : Number(node.values[name])),
        sortUndefined: "last",
        sortDescFirst: true,
      })),
      ...known.map((name) => ({
        id: name,
        accessorFn: (node) => node.row?.[name] ?? undefined,
        sortUndefined: "last",
        sortingFn: NUMERIC.has(name) ? "basic" : "alphanumeric",
        sortDescFirst: NUMERIC.has(name),
      })),
    ],
    [root, metrics],
  );
  const [table] = useState(() => createTable({ ...MODELS, data: root.children, columns: listed, state: {} }));
  const matches = useMemo(() => matcher(query) ?? (() => true), [query]);
  table.setOptions((before) => ({
    ...before,
    data: root.children,
    columns: listed,
    state: { sorting, expanded: found ? true : expanded, globalFilter: query, columnPinning: {}, columnVisibility: {} },
    onSortingChange: setSorting,
    onExpandedChange: setExpanded,
    globalFilterFn: (row) => matches(row.original),
  }));
  const rows = table.getRowModel().rows;
  const visible = rows.slice(0, most);
  const sorted = (name) => (sorting[0]?.id === name ? (sorting[0].desc ? "descending" : "ascending") : undefined);
  const sort = (name) => table.getColumn(name).toggleSorting();
  const total = root.values;
  const hasShares = about.combine !== "none";
  const depths = maxDepth(root);

  const copy = async (name) => {
    const titles = ["layer", "type", "output", ...shown.map((each) => metrics[each]?.title ?? TITLES[each] ?? each)];
    const numeric = [false, false, false, ...shown.map((each) => Boolean(metrics[each]) || NUMERIC.has(each))];
    const body = rows.map(({ original: node }) => [
      node.path,
      typeOf(node),
      shape(outputOf(node)),
      ...shown.map((each) => (metrics[each] ? plain(node.values[each]) : cellText(node, each, metrics, true))),
    ]);
    body.push(["total", "", "", ...shown.map((each) => (metrics[each] ? plain(total[each]) : ""))]);
    await copyText(COPIES[name](titles, body, numeric));
    setCopied(name);
    setTimeout(() => setCopied(""), 2000);
  };
  const [copied, setCopied] = useState("");

  const head = (name, title, isNumber) => (
    <th scope="col" key={name} class={isNumber ? "number" : ""} aria-sort={sorted(name) ?? "none"}>
      <button type="button" onClick={() => sort(name)}>
        {title}
        <span aria-hidden="true">{{ descending: " ↓", ascending: " ↑" }[sorted(name)] ?? ""}</span>
      </button>
    </th>
  );
  return (
    <div>
      <div class="tools">
        <label>
          Filter <input type="search" value={query} placeholder="path, type, macs>10M" onInput={(e) => setQuery(e.target.value)} />
        </label>
        <label>
          Depth{" "}
          <select
            aria-label="Depth"
            value=""
            onChange={(event) => {
              if (event.target.value) setExpanded(openTo(root, Number(event.target.value)));
              event.target.value = "";
            }}
          >
            <option value="">choose</option>
            {Array.from({ length: Math.min(depths, 6) }, (_, depth) => (
              <option key={depth} value={depth + 1}>{depth + 1 === depths ? "all layers" : `${depth + 1}`}</option>
            ))}
            <option value="99">all, with parts</option>
          </select>
        </label>
        <details class="menu">
          <summary>Columns</summary>
          <div>
            {[...Object.keys(metrics), ...known].map((name) => (
              <label key={name}>
                <input
                  type="checkbox"
                  checked={shown.includes(name)}
                  disabled={name === metric}
                  onChange={() => setColumns(toggled(columns, name))}
                />{" "}
                {metrics[name]?.title ?? TITLES[name] ?? name}
              </label>
            ))}
          </div>
        </details>
        <label>
          <input type="checkbox" checked={exactly} onChange={() => setExactly(!exactly)} /> all digits
        </label>
        <span class="copies" role="group" aria-label="Copy the rows shown">
          Copy{" "}
          {Object.keys(COPIES).map((name) => (
            <button key={name} type="button" onClick={() => copy(name)}>{copied === name ? "copied" : name}</button>
          ))}
        </span>
      </div>
      <div class="scroll" role="region" aria-label="Layers" tabIndex={0}>
        <table class="layers">
          <thead>
            <tr>
              {head("path", "layer", false)}
              {head("type", "type", false)}
              <th scope="col">output</th>
              {shown.map((name) => head(name, metrics[name]?.title ?? TITLES[name] ?? name, true))}
              {hasShares && <th scope="col" class="share">share of {about.title}</th>}
            </tr>
          </thead>
          <tbody>
            {visible.map((row) => {
              const node = row.original;
              const value = node.values[metric];
              return (
                <tr
                  key={row.id}
                  class={`${node.row ? "" : "block"}${node.isPart ? "part" : ""}${node.path === selected ? " selected" : ""}`}
                  onClick={() => onSelect(node.path)}
                >
                  <th scope="row" style={{ paddingLeft: `${0.5 + 1.1 * row.depth}em` }}>
                    {row.getCanExpand() && (
                      <button
                        type="button"
                        class="fold"
                        aria-expanded={row.getIsExpanded()}
                        aria-label={`${row.getIsExpanded() ? "Fold" : "Unfold"} ${node.path}`}
                        onClick={(event) => {
                          event.stopPropagation();
                          setExpanded({ ...expanded, [row.id]: !row.getIsExpanded() });
                        }}
                      >
                        {row.getIsExpanded() ? "▾" : "▸"}
                      </button>
                    )}
                    <span title={node.path}>{row.depth ? node.name : node.path}</span>
                  </th>
                  <td>{typeOf(node)}</td>
                  <td class="shape">{shape(outputOf(node))}</td>
                  {shown.map((name) => (
                    <td key={name} class="number" title={cellText(node, name, metrics, true)}>
                      {cellText(node, name, metrics, exactly)}
                    </td>
                  ))}
                  {hasShares && (
                    <td class="share">
                      <span class="track">
                        <span style={{ width: `${Math.min(100, (100 * Number(value ?? 0)) / Number(total[metric] || 1))}%` }} />
                      </span>
                      {percent(value, total[metric])}
                    </td>
                  )}
                </tr>
              );
            })}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{root.isLowerBound ? "at least" : "total"}</th>
              <td />
              <td />
              {shown.map((name) => (
                <td key={name} class="number" title={exact(total[name])}>
                  {metrics[name] ? (exactly ? exact(total[name]) : brief(total[name], metrics[name].unit)) : ""}
                </td>
              ))}
              {hasShares && <td class="share">{percent(total[metric], total[metric])}</td>}
            </tr>
          </tfoot>
        </table>
      </div>
      <p class="hint" role="status">
        {visible.length < rows.length ? (
          <>
            {visible.length} of {rows.length} rows.{" "}
            <button type="button" onClick={() => setMost(most + 5 * PAGE)}>Show more</button>
          </>
        ) : (
          `${rows.length} ${rows.length === 1 ? "row" : "rows"}. Hover over a number for all of its digits.`
        )}
      </p>
    </div>
  );
}

function cellText(node, name, metrics, exactly) {
  if (metrics[name]) {
    const value = node.values[name];
    return exactly ? exact(value) : brief(value, metrics[name].unit);
  }
  const value = node.row?.[name];
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return shape(value);
  if (name === "least_seconds") return exactly ? String(value) : brief(value, "seconds");
  if (name === "utilization") return exactly ? String(value) : percent(value, 1);
  return typeof value === "number" ? (exactly ? exact(value) : brief(value)) : String(value);
}

function plain(value) {
  return exact(value).replaceAll(",", "");
}

function typeOf(node) {
  return node.row ? node.row.type : `${layersIn(node)} layers`;
}

function outputOf(node) {
  return node.row ? node.row.output : node.children.length ? outputOf(node.children.at(-1)) : null;
}

function extras(root) {
  const found = new Set();
  const visit = (node) => {
    if (node.row) for (const name of MORE) if (node.row[name] !== undefined) found.add(name);
    node.children.forEach(visit);
  };
  visit(root);
  return MORE.filter((name) => found.has(name));
}

function openTo(root, depth) {
  const open = {};
  const visit = (node, level) => {
    if (level < depth && (node.row === null || depth > 50)) {
      if (level > 0 && node.children.length) open[`${node.isPart ? "+" : node.row ? "" : "/"}${node.path}`] = true;
      node.children.forEach((child) => visit(child, level + 1));
    }
  };
  visit(root, 0);
  return open;
}

function maxDepth(node) {
  return node.row || !node.children.length ? 0 : 1 + Math.max(...node.children.map(maxDepth));
}

function toggled(set, name) {
  const other = new Set(set);
  if (!other.delete(name)) other.add(name);
  return other;
}

/** Copy text, also where the clipboard is not available to scripts. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// The memory curve: how many bytes are alive while each layer runs, and which tensors they are.
import { areaY, axisX, axisY, gridY, line, ruleY } from "@observablehq/plot";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Figure, largest, pointAt } from "./figure.jsx";
import { brief, exact, percent, shape } from "../format.js";
import { Table } from "../rows.jsx";

const STYLES = {
  peak: "norms and activations fused into the layer before them",
  peak_unfused: "norms and activations as layers of their own",
  peak_inplace: "fused, elementwise layers in place",
  peak_unfused_inplace: "unfused, elementwise layers in place",
};
const MOST_BANDS = 8_000;
const SHADES = 3;
const LISTED = 12;
const NARROW = 500;
const SIDES = { left: 64, right: 16, top: 24, bottom: 38 };

/** Draw the bytes alive over the order of layers; a cursor lists the tensors. */
export function MemoryCurve({ network, devices, selected, onSelect }) {
  const rows = network.count.layers;
  const styles = Object.keys(STYLES).filter((name) =>
    rows.every((row) => row[name] !== undefined && row[name] !== null),
  );
  const [style, setStyle] = useState("peak");
  const values = useMemo(() => rows.map((row) => Number(row[style])), [rows, style]);
  const tensors = (style !== "peak" && network.tensors_by_style?.[style]) || network.tensors;
  const top = useMemo(() => peakOf(values), [values]);
  const [pinned, setPinned] = useState(top);
  const [hovered, setHovered] = useState(null);
  const [byTensor, setByTensor] = useState(true);
  const chips = useMemo(() => chipsOf(network, devices), [network, devices]);
  const [chip, setChip] = useState(network.count.device?.on_chip ? network.count.device.key : "");
  useEffect(() => setPinned(top), [values]);
  const places = useMemo(() => placesOf(rows), [rows]);
  useEffect(() => {
    if (places.has(selected)) setPinned(places.get(selected));
  }, [selected, places]);

  const at = Math.min(hovered ?? pinned, rows.length - 1);
  const onChip = chips.find((each) => each.key === chip);
  const limit = onChip ? Number(onChip.on_chip.bytes) : null;
  const bands = useMemo(() => bandsOf(tensors, rows.length), [tensors]);
  const isBanded = byTensor && bands.length > 0;
  const options = useMemo(
    () => drawing(values, isBanded ? bands : [], limit, onChip),
    [values, bands, isBanded, limit],
  );
  const fits = limit === null ? "" : fitting(values, limit, onChip);
  const least = network.count.at_least ? "at least " : "";
  const said = `Bytes alive over ${rows.length} layers: the peak is ${least}${exact(rows[top][style])} bytes while ${rows[top].path} runs.`;
  const move = (to) => setPinned(Math.max(0, Math.min(rows.length - 1, to)));
  const far = Math.max(1, Math.round(rows.length / 20));
  const onKeyDown = (event) => {
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - far,
      PageUp: at + far,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (event.key === "Enter") onSelect(rows[at].path);
    if (to === undefined) return;
    event.preventDefault();
    setHovered(null);
    move(to);
  };
  return (
    <div class="memory">
      <div class="tools">
        <label>
          Assume{" "}
          <select value={style} onChange={(event) => setStyle(event.target.value)}>
            {styles.map((name) => (
              <option key={name} value={name}>
                {STYLES[name]}: {least}
                {brief(network.count.totals[name], "bytes")}
              </option>
            ))}
          </select>
        </label>
        {chips.length > 0 && (
          <label>
            Memory on the chip of{" "}
            <select value={chip} onChange={(event) => setChip(event.target.value)}>
              <option value="">no device</option>
              {chips.map((each) => (
                <option key={each.key} value={each.key}>
                  {each.name}: {brief(each.on_chip.bytes, "bytes")}
                </option>
              ))}
            </select>
          </label>
        )}
        {bands.length > 0 && (
          <label>
            <input type="checkbox" checked={byTensor} onChange={() => setByTensor(!byTensor)} /> a band for each tensor
          </label>
        )}
        <button type="button" onClick={() => move(top)}>
          Go to the peak
        </button>
      </div>
      <Figure options={options} label={said}>
        {(scales) => (
          <Cursor
            {...{ scales, rows, at, top, style, values, least }}
            onKeyDown={onKeyDown}
            onMove={(to) => setHovered(to)}
            onPick={(to) => {
              move(to);
              onSelect(rows[to].path);
            }}
          />
        )}
      </Figure>
      {fits && <p class="about">{fits}</p>}
      <Alive {...{ network, rows, at, top, style, tensors, least }} onSelect={onSelect} />
      <Lower memory={network.memory} />
    </div>
  );
}

function Cursor({ scales, rows, at, top, style, values, least, onKeyDown, onMove, onPick }) {
  const { x, y, width, height } = scales;
  const step = x.apply(1.5) - x.apply(0.5);
  const layerAt = (event) => Math.max(0, Math.min(rows.length - 1, Math.round(x.invert(pointAt(event).x)) - 1));
  const middle = x.apply(top + 1);
  const peak = brief(rows[top][style], "bytes") + (width < NARROW ? "" : ` while ${rows[top].path} runs`);
  const side = middle > width / 2 ? "left" : "right";
  const room = (side === "left" ? middle : width - middle) - 8;
  return (
    <div
      class="cursor"
      role="slider"
      tabIndex={0}
      aria-label="Layer"
      aria-valuemin={1}
      aria-valuemax={rows.length}
      aria-valuenow={at + 1}
      aria-valuetext={`${rows[at].path}: ${exact(rows[at][style])} bytes alive`}
      style={{ height: `${height}px` }}
      onKeyDown={onKeyDown}
      onPointerMove={(event) => onMove(layerAt(event))}
      onPointerLeave={() => onMove(null)}
      onClick={(event) => onPick(layerAt(event))}
    >
      <div
        class="here"
        style={{
          left: `${x.apply(at + 1) - Math.max(step, 2) / 2}px`,
          width: `${Math.max(step, 2)}px`,
          top: `${SIDES.top}px`,
          bottom: `${SIDES.bottom}px`,
        }}
      />
      <div class="dot" style={{ left: `${x.apply(at + 1)}px`, top: `${y.apply(values[at])}px` }} />
      <div class="dot peak" style={{ left: `${middle}px`, top: `${y.apply(values[top])}px` }} />
      <div
        class={`mark ${side}`}
        style={{
          [side === "left" ? "right" : "left"]: `${side === "left" ? width - middle + 2 : middle + 2}px`,
          top: `${y.apply(values[top]) - 22}px`,
          maxWidth: `${room}px`,
        }}
        title={`${exact(rows[top][style])} bytes`}
      >
        peak: {least}
        {peak}
      </div>
    </div>
  );
}

function Alive({ network, rows, at, top, style, tensors, least, onSelect }) {
  const [all, setAll] = useState(false);
  const number = at + 1;
  const alive = tensors
    .filter(({ first, last }) => first <= number && number <= last)
    .sort((one, other) => Number(other.bytes) - Number(one.bytes));
  const total = rows[at][style];
  const shapes = useMemo(
    () =>
      new Map(
        [...network.graph.inputs, ...rows.map((row) => ({ name: row.path, shape: row.output }))].map((each) => [
          each.name,
          each.shape,
        ]),
      ),
    [rows],
  );
  const inputs = new Set(network.graph.inputs.map(({ name }) => name));
  const shown = all ? alive : alive.slice(0, LISTED);
  const rest = alive.slice(shown.length);
  const crowd = useMemo(() => mostAlive(tensors, rows.length), [tensors]);
  const reader = ({ last }) => (last > rows.length ? "end" : rows[last - 1].path);
  const columns = [
    { title: "tensor", isHead: true, cell: (each) => each.name },
    { title: "shape", cell: (each) => shape(shapes.get(each.name)) },
    bytes("bytes", (each) => each.bytes),
    { title: "of what is alive", isNumber: true, cell: (each) => percent(each.bytes, total) },
    { title: "written by", cell: (each) => (inputs.has(each.name) ? "start" : rows[each.first - 1].path) },
    { title: "last read by", cell: reader },
  ];
  return (
    <div class="alive" style={{ "--rows": Math.min(LISTED, crowd) + (crowd > LISTED ? 2 : 1) }}>
      <h3>
        {at === top ? "At the peak, while " : "While "}
        <button type="button" class="plain" onClick={() => onSelect(rows[at].path)}>
          {rows[at].path}
        </button>{" "}
        runs: {least}
        <span title={`${exact(total)} bytes`}>{brief(total, "bytes")}</span> in{" "}
        {alive.length === 1 ? "1 tensor" : `${alive.length} tensors`}
      </h3>
      <Table label="Tensors alive" columns={columns} rows={shown} />
      {rest.length > 0 && (
        <p class="hint">
          {rest.length} more with{" "}
          {brief(
            rest.reduce((sum, each) => sum + Number(each.bytes), 0),
            "bytes",
          )}
          .{" "}
          <button type="button" onClick={() => setAll(true)}>
            Show all
          </button>
        </p>
      )}
    </div>
  );
}

function Lower({ memory }) {
  const { lower } = memory;
  if (!lower?.length) return null;
  const columns = [
    { title: "change", isHead: true, cell: (each) => each.what },
    { title: "with", cell: (each) => each.option && <code>{each.option}</code> },
    bytes("peak", (each) => each.peak),
    { title: "of the peak", isNumber: true, cell: (each) => percent(each.peak, memory.peak.bytes) },
  ];
  return (
    <div class="lower">
      <h3>What would lower the peak, each by itself</h3>
      <Table label="What would lower the peak" columns={columns} rows={lower} />
    </div>
  );
}

/** Return a column of bytes. */
function bytes(title, of) {
  return { title, isNumber: true, cell: (each) => brief(of(each), "bytes"), digits: (each) => `${exact(of(each))} bytes` };
}

/** Return the devices with a known memory on the chip; the one that was asked for comes first. */
function chipsOf({ count }, devices) {
  const asked = count.device?.peak ? [count.device] : [];
  return [...asked, ...devices.filter((each) => each.key !== asked[0]?.key)].filter((each) => each.on_chip);
}

function peakOf(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

/** Return where each layer is, and each block: at its first layer. */
function placesOf(rows) {
  const found = new Map();
  const parts = (row, index) => {
    for (const each of row.parts ?? []) {
      found.set(each.path, index);
      parts(each, index);
    }
  };
  rows.forEach((row, index) => {
    found.set(row.path, index);
    parts(row, index);
  });
  return found;
}

function fitting(values, limit, device) {
  const over = values.filter((value) => value > limit).length;
  const chip = `the ${brief(limit, "bytes")} on the chip of ${device.name}`;
  if (!over) return `The peak fits ${chip}: it takes ${percent(largest(values), limit)} of them.`;
  return `The peak does not fit ${chip}: ${over === 1 ? "1 layer needs" : `${over} layers need`} more.`;
}

/** Return a band for each tensor: at each layer of its life, from what is below it to that and its bytes. */
function bandsOf(tensors, count) {
  const spans = tensors.reduce((sum, { first, last }) => sum + Math.min(last, count) - first + 1, 0);
  if (spans > MOST_BANDS) return [];
  const level = new Array(count + 2).fill(0);
  const points = [];
  tensors.forEach(({ name, bytes, first, last }, number) => {
    const end = Math.min(last, count);
    let base = 0;
    for (let at = first; at <= end; at++) {
      base = level[at];
      level[at] += Number(bytes);
      points.push({ name, at: at - 0.5, from: base, to: level[at], shade: number % SHADES });
    }
    points.push({ name, at: end + 0.5, from: base, to: base + Number(bytes), shade: number % SHADES });
  });
  return points;
}

/** Return how many tensors are alive at once at most. */
function mostAlive(tensors, count) {
  const change = new Array(count + 2).fill(0);
  for (const { first, last } of tensors) {
    change[first] += 1;
    change[Math.min(last, count) + 1] -= 1;
  }
  let now = 0;
  return largest(change.map((each) => (now += each)));
}

function drawing(values, bands, limit, device) {
  const steps = values.map((value, index) => ({ at: index + 0.5, value }));
  steps.push({ at: values.length + 0.5, value: values.at(-1) });
  const most = largest([1, ...values]);
  const isDrawn = limit !== null && limit <= 2.5 * most;
  const shades = Array.from({ length: SHADES }, (_, shade) =>
    areaY(
      bands.filter((each) => each.shade === shade),
      {
        x: "at",
        y1: "from",
        y2: "to",
        z: "name",
        curve: "step-after",
        className: `band shade-${shade}`,
      },
    ),
  );
  return (width) => ({
    height: width < NARROW ? 240 : 300,
    marginLeft: SIDES.left,
    marginRight: SIDES.right,
    marginTop: SIDES.top,
    marginBottom: SIDES.bottom,
    x: { domain: [0.5, values.length + 0.5], type: "linear" },
    y: { domain: [0, 1.02 * Math.max(most, isDrawn ? limit : 0)], type: "linear" },
    marks: [
      gridY({ ticks: 5, className: "grid" }),
      ...(bands.length
        ? shades
        : [areaY(steps, { x: "at", y: "value", curve: "step-after", className: "band shade-0" })]),
      line(steps, { x: "at", y: "value", curve: "step-after", className: "outline" }),
      ...(isDrawn ? [ruleY([limit], { className: "limit" })] : []),
      axisX({
        label: "layers, in the order in which they run",
        labelAnchor: "center",
        labelArrow: "none",
        tickFormat: (at) => (Number.isInteger(at) ? `${at}` : ""),
        ticks: Math.min(values.length, width / 70),
      }),
      axisY({
        label: "bytes alive",
        labelArrow: "none",
        ticks: 5,
        tickFormat: (value) => (value ? brief(Math.round(value), "bytes").replace(/\.?0+ /, " ") : "0"),
      }),
    ],
  });
}

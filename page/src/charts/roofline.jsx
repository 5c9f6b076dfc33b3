// The roofline of a device: the least time of each layer, and whether MACs or bytes decide on it.
import { axisX, axisY, dot, gridX, gridY, line } from "@observablehq/plot";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Figure, largest, pointAt, smallest } from "./figure.jsx";
import { add } from "../data.js";
import { brief, exact, percent, shape } from "../format.js";
import { Table } from "../rows.jsx";

const LISTED = 12;
const SYMBOLS = { compute: "●", memory: "▲", "": "" };
const WORDS = { compute: "MACs", memory: "bytes", "": "nothing" };

/** Draw the layers under the roof of a device, and list those that take most of the least time. */
export function Roofline({ network, devices, selected, onSelect }) {
  const all = useMemo(() => known(network, devices), [network, devices]);
  const able = all.filter(({ key }) => network.roofs[key]);
  const asked = network.count.device?.key;
  const [key, setKey] = useState(able.some((each) => each.key === asked) ? asked : "");
  useEffect(() => setKey(able.some((each) => each.key === asked) ? asked : ""), [network]);
  const device = able.find((each) => each.key === key) ?? able[0];
  const bits = [...new Set(network.products.flatMap((each) => Object.keys(each)))];
  if (!device || !bits.length)
    return (
      <p class="empty">
        {bits.length
          ? `None of the devices has a peak for numbers of ${bits.join(" and ")} bits.`
          : "No layer has MACs."}
      </p>
    );
  return (
    <div class="roofline">
      <div class="tools">
        <label>
          Device{" "}
          <select value={device.key} onChange={(event) => setKey(event.target.value)}>
            {able.map((each) => (
              <option key={each.key} value={each.key}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <OnDevice {...{ network, device, bits, selected, onSelect }} />
      <Missing devices={all.filter((each) => !network.roofs[each.key])} bits={bits} />
    </div>
  );
}

/** Return the devices of the page; the one that was asked for comes first. */
function known({ count }, devices) {
  const asked = count.device?.peak ? [count.device] : [];
  return [...asked, ...devices.filter((each) => each.key !== asked[0]?.key)];
}

function OnDevice({ network, device, bits, selected, onSelect }) {
  const layers = useMemo(() => floorsOf(network, device), [network, device]);
  const total = layers.reduce((sum, each) => sum + each.seconds, 0);
  const whole = network.count.device?.key === device.key ? (network.count.totals.least_seconds ?? total) : total;
  const rates = bits.map((each) => ({ bits: each, rate: network.roofs[device.key][each] }));
  const bandwidth = device.bandwidth?.bytes_per_second;
  const points = useMemo(() => layers.filter((each) => each.macs > 0 && each.traffic > 0), [layers]);
  const options = useMemo(() => drawing(points, rates, bandwidth, total), [points, device]);
  const binds = ["compute", "memory"].map((bound) => {
    const bound_by = layers.filter((each) => each.bound === bound);
    return { bound, count: bound_by.length, seconds: bound_by.reduce((sum, each) => sum + each.seconds, 0) };
  });
  const without = layers.filter((each) => !each.macs && each.seconds);
  const sorted = useMemo(
    () => [...layers].filter((each) => each.seconds).sort((one, other) => other.seconds - one.seconds),
    [layers],
  );
  const [near, setNear] = useState(null);
  const told = near ?? layers.find(({ row }) => row.path === selected) ?? null;
  const said = `${network.name} on ${device.name}: at least ${brief(whole, "seconds")}; ${binds.map((each) => `${percent(each.seconds, total)} of it in ${each.count} layers that ${WORDS[each.bound]} bind`).join(", ")}. The layers are listed below.`;
  return (
    <>
      <p class="verdicts">
        <strong title={`${whole} s`}>At least {brief(whole, "seconds")}</strong> on {device.name}, the sum of the least
        times of the layers.{" "}
        {binds.map((each) => (
          <span key={each.bound} class={`bound ${each.bound}`}>
            <span class="symbol" aria-hidden="true">
              {SYMBOLS[each.bound]}
            </span>{" "}
            {percent(each.seconds, total) || "0.0%"} in {each.count === 1 ? "1 layer" : `${each.count} layers`} bound by{" "}
            {WORDS[each.bound]}.{" "}
          </span>
        ))}
        {network.count.at_least && "Layers that are not counted come on top. "}
      </p>
      <div class="split" aria-hidden="true">
        {binds.map((each) => (
          <span key={each.bound} class={each.bound} style={{ flexGrow: each.seconds / total || 0 }} />
        ))}
      </div>
      <Figure options={options} label={said}>
        {(scales) => <Overlay {...{ scales, points, rates, bandwidth, told, selected, onSelect }} onNear={setNear} />}
      </Figure>
      <p class="told" role="status">
        {told ? sentence(told, total) : "Hover over a point, or choose a layer in the table, for its numbers."}
      </p>
      {without.length > 0 && bandwidth && (
        <p class="about">
          {without.length === 1 ? "1 layer" : `${without.length} layers`} without MACs, left of the chart, take at least{" "}
          {brief(
            without.reduce((sum, each) => sum + each.seconds, 0),
            "seconds",
          )}{" "}
          for their bytes.
        </p>
      )}
      {!bandwidth && (
        <p class="about">
          The bandwidth of this device has no public source, so its roof is the peak alone and the least time is that of
          the MACs.
        </p>
      )}
      <Longest {...{ sorted, total, selected, onSelect }} />
      <Sources device={device} rates={rates} />
    </>
  );
}

/** Return the least time of each layer: of its MACs at the peak or of its bytes at the bandwidth, whichever is more. */
function floorsOf(network, device) {
  const isAsked = network.count.device?.key === device.key;
  const bandwidth = device.bandwidth?.bytes_per_second;
  const rates = network.roofs[device.key];
  return network.count.layers.map((row, index) => {
    const products = Object.entries(network.products[index]);
    const amount = products.map(([, each]) => each).reduce(add, 0);
    const macs = Number(amount);
    const compute = products.reduce((sum, [bits, each]) => sum + Number(each) / rates[bits], 0);
    const traffic = Number(row.traffic);
    const memory = bandwidth ? traffic / bandwidth : 0;
    const seconds = isAsked ? Number(row.least_seconds) : Math.max(compute, memory);
    const bound = isAsked ? row.bound : seconds ? (compute >= memory ? "compute" : "memory") : "";
    return { row, amount, macs, traffic, seconds, bound, intensity: macs / traffic, speed: macs / seconds };
  });
}

function sentence({ row, amount, seconds, bound, intensity }, total) {
  const why = bound ? `, bound by ${WORDS[bound]}` : "";
  return `${row.path} (${row.type}, ${shape(row.output)}): at least ${brief(seconds, "seconds")}, ${percent(seconds, total)} of the whole${why}; ${exact(amount)} MACs, ${exact(row.traffic)} bytes, ${intensity.toPrecision(4)} MACs/byte`;
}

function Overlay({ scales, points, rates, bandwidth, told, onSelect, onNear }) {
  const { x, y, r, width, height } = scales;
  const closest = (event) => {
    const { x: left, y: top } = pointAt(event);
    let best = null;
    for (const each of points) {
      const distance =
        Math.hypot(x.apply(each.intensity) - left, y.apply(each.speed) - top) - r.apply(each.seconds) / 2;
      if (distance < 24 && (!best || distance < best.distance)) best = { each, distance };
    }
    return best?.each ?? null;
  };
  const ridges = bandwidth ? rates.map(({ rate }) => ({ at: rate / bandwidth, rate })) : [];
  const [low, high] = x.domain;
  return (
    <div
      class="cursor points"
      style={{ height: `${height}px` }}
      onPointerMove={(event) => onNear(closest(event))}
      onPointerLeave={() => onNear(null)}
      onClick={(event) => {
        const each = closest(event);
        if (each) onSelect(each.row.path);
      }}
    >
      {ridges
        .filter(({ at }) => at > low && at < high)
        .map(({ at, rate }) => (
          <div key={rate} class="ridge" style={{ left: `${x.apply(at)}px`, top: `${y.apply(rate)}px` }}>
            <span class={x.apply(at) > width - 180 ? "left" : ""}>ridge: {at.toPrecision(4)} MACs/byte</span>
          </div>
        ))}
      {told?.macs > 0 && (
        <div
          class="ring"
          style={{
            left: `${x.apply(told.intensity)}px`,
            top: `${y.apply(told.speed)}px`,
            "--size": `${2 * r.apply(told.seconds) + 8}px`,
          }}
        />
      )}
    </div>
  );
}

function Longest({ sorted, total, selected, onSelect }) {
  const [most, setMost] = useState(LISTED);
  useEffect(() => setMost(LISTED), [sorted]);
  const shown = sorted.slice(0, most);
  const share = shown.reduce((sum, each) => sum + each.seconds, 0);
  const choice = ({ row }) => (
    <button type="button" class="plain" aria-pressed={row.path === selected} onClick={() => onSelect(row.path)}>
      {row.path}
    </button>
  );
  const bound = ({ bound }) => (
    <>
      <span class="symbol" aria-hidden="true">
        {SYMBOLS[bound]}
      </span>{" "}
      {WORDS[bound]}
    </>
  );
  const number = (title, cell, digits) => ({ title, isNumber: true, cell, digits });
  const columns = [
    { title: "layer", isHead: true, cell: choice },
    { title: "type", cell: ({ row }) => row.type },
    number("least time", (each) => brief(each.seconds, "seconds"), (each) => `${each.seconds} s`),
    number("of the whole", (each) => percent(each.seconds, total)),
    { title: "bound by", cell: bound, look: ({ bound }) => `bound ${bound}` },
    number("MACs", (each) => brief(each.macs), (each) => exact(each.amount)),
    number("traffic", (each) => brief(each.traffic, "bytes"), (each) => `${exact(each.row.traffic)} bytes`),
    number("MACs/byte", ({ intensity }) => (intensity ? intensity.toPrecision(4) : "0"), (each) => String(each.intensity)),
  ];
  return (
    <div class="longest">
      <h3>
        {most >= sorted.length
          ? "Layers by their least time"
          : `${shown.length} layers take ${percent(share, total)} of the least time`}
      </h3>
      <Table
        label="Layers by their least time"
        columns={columns}
        rows={shown}
        look={({ row }) => (row.path === selected ? "selected" : "")}
      />
      {most < sorted.length && (
        <p class="hint">
          {sorted.length - most} more.{" "}
          <button type="button" onClick={() => setMost(most + 200)}>
            Show more
          </button>
        </p>
      )}
    </div>
  );
}

function Sources({ device, rates }) {
  const figures = Object.entries(device.peak)
    .filter(([, each]) => rates.some(({ rate }) => rate === each.macs_per_second))
    .map(([name, each]) => [`peak, ${name}`, `${withUnit(each.macs_per_second)}MAC/s`, each]);
  if (device.bandwidth)
    figures.push(["bandwidth", `${withUnit(device.bandwidth.bytes_per_second)}B/s`, device.bandwidth]);
  if (device.on_chip) figures.push(["memory on the chip", brief(device.on_chip.bytes, "bytes"), device.on_chip]);
  return (
    <details class="sources" open>
      <summary>{device.name}: where its numbers are from</summary>
      {device.about && <p class="about">{device.about}</p>}
      <dl>
        {figures.map(([what, value, { source, date }]) => (
          <div key={what}>
            <dt>
              {what}: {value}
            </dt>
            <dd>
              {linked(source)}
              {date && ` (${date})`}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function withUnit(value) {
  const text = brief(value);
  return /[a-zA-Z]$/.test(text) ? text : `${text} `;
}

/** Return a source with its addresses as links. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s()<>"]+)/).map((each, index) =>
    index % 2 ? (
      <a key={index} href={each} target="_blank" rel="noreferrer noopener">
        {each}
      </a>
    ) : (
      each
    ),
  );
}

function Missing({ devices, bits }) {
  if (!devices.length) return null;
  return (
    <details class="missing">
      <summary>
        {devices.length === 1 ? "1 device is" : `${devices.length} devices are`} not here: no peak for numbers of{" "}
        {bits.join(" and ")} bits
      </summary>
      <ul>
        {devices.map((each) => (
          <li key={each.key}>
            {each.name}: only {Object.keys(each.peak).join(", ")}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Return the ticks of a logarithmic axis: 1, 2 and 5 of each decade if they are not too many, else decades. */
function ticksOf([low, high], most) {
  const decades = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) decades.push(power);
  const within = (values) => values.filter((each) => each >= low && each <= high);
  const fine = within(decades.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`))));
  if (fine.length <= most) return fine;
  const step = Math.ceil(decades.length / most);
  return within(decades.filter((power) => power % step === 0).map((power) => Number(`1e${power}`)));
}

function drawing(points, rates, bandwidth, total) {
  const peaks = rates.map(({ rate }) => rate);
  const ridges = bandwidth ? peaks.map((rate) => rate / bandwidth) : [];
  const places = [...points.map((each) => each.intensity), ...ridges];
  const low = smallest(places) / 2;
  const high = largest(places) * 3;
  const speeds = points.map((each) => each.speed);
  const most = largest([total / 8, ...points.map((each) => each.seconds)]);
  const roofs = rates.map(({ bits, rate }) => {
    const ridge = bandwidth ? rate / bandwidth : low;
    const slope = ridge > low ? [{ x: low, y: low * bandwidth }] : [];
    return [...slope, { x: Math.max(ridge, low), y: rate }, { x: high, y: rate }].map((each) => ({ ...each, bits }));
  });
  const dots = (bound, symbol) =>
    dot(
      points.filter((each) => each.bound === bound).sort((one, other) => other.seconds - one.seconds),
      {
        x: "intensity",
        y: "speed",
        r: "seconds",
        symbol,
        className: `dots ${bound}`,
      },
    );
  const speed = [smallest([...speeds, ...(bandwidth ? [low * bandwidth] : [])]) / 1.5, largest(peaks) * 2];
  const across = (width) => ticksOf([low, high], width / 60);
  const up = ticksOf(speed, 7);
  const rate = (value) => `${withUnit(value).replace(/\.?0+ /, " ")}MAC/s`;
  return (width) => ({
    height: width < 500 ? 300 : 380,
    marginLeft: 84,
    marginBottom: 40,
    marginTop: 24,
    marginRight: 16,
    x: { type: "log", domain: [low, high] },
    y: { type: "log", domain: speed },
    r: { type: "sqrt", range: [1.5, width < 500 ? 14 : 20], domain: [0, most] },
    marks: [
      gridX(across(width), { className: "grid" }),
      gridY(up, { className: "grid" }),
      line(roofs.flat(), { x: "x", y: "y", z: "bits", className: "roof" }),
      dots("memory", "triangle"),
      dots("compute", "circle"),
      axisX(across(width), {
        label: "MACs per byte of traffic",
        labelAnchor: "center",
        labelArrow: "none",
        tickFormat: (value) => `${Number(value.toPrecision(2))}`,
      }),
      axisY(up, { label: "MACs per second, at most", labelArrow: "none", tickFormat: rate }),
    ],
  });
}

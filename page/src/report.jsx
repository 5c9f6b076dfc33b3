// The page of a report: what flopcount counted, as charts and tables. `mount` is also used by the calculator.
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { MemoryCurve } from "./charts/memory.jsx";
import { Roofline } from "./charts/roofline.jsx";
import { Diff, Totals } from "./compare.jsx";
import { matched, parse, treeOf } from "./data.js";
import { brief, exact, shape } from "./format.js";
import { Graph } from "./graph/graph.jsx";
import { Icicle } from "./icicle.jsx";
import { Limits } from "./limits.jsx";
import { LayerTable } from "./table.jsx";

export { parse };

/** Draw a report into an element: `data` is the JSON that `flopcount report --format json` prints, parsed by `parse`. */
export function mount(element, data) {
  render(<Report data={data} />, element);
}

function Report({ data }) {
  const { networks, metrics } = data;
  const [current, setCurrent] = useState(0);
  const [chosen, setMetric] = useState("macs");
  const metric = [chosen, "macs", "flops"].find((name) => name in metrics) ?? Object.keys(metrics)[0];
  const [query, setQuery] = useState("");
  const [selected, setSelected] = useState("");
  const network = networks[Math.min(current, networks.length - 1)];
  useEffect(() => setCurrent(0), [data]);
  useEffect(() => setSelected(""), [network]);
  const root = useMemo(() => network && { ...treeOf(network, metrics), isLowerBound: network.count.at_least }, [network, metrics]);
  if (root) root.values = { ...root.values, ...totalsOf(network, metrics) };
  const shared = { root, network, metric, metrics, about: metrics[metric], query, setQuery, selected, onSelect: setSelected };

  return (
    <div class="report">
      <header>
        <h1>{headline(data)}</h1>
      </header>

      {data.check && (
        <Section id="limits" title="Limits">
          <Limits check={data.check} metrics={metrics} />
        </Section>
      )}
      {data.compare && (
        <Section id="compare" title="Side by side">
          <Totals compare={data.compare} networks={networks} metrics={metrics} metric={metric} current={current} onChoose={setCurrent} />
          {(data.diffs ?? []).map((diff, index) => (
            <Diff key={index} diff={diff} names={[networks[0].name, networks[index + 1].name]} metrics={metrics} metric={metric} isOnly={data.diffs.length === 1} />
          ))}
        </Section>
      )}
      {!network && <Notes data={data} />}
      {network && (
        <>
          <div class="network">
            {networks.length > 1 && <Choice networks={networks} current={current} onChoose={setCurrent} />}
            {(networks.length > 1 || data.check) && <h2>{network.title}</h2>}
            <Facts network={network} metrics={metrics} />
            <Notes data={data} network={network} />
          </div>
          <div class="bar-of-controls">
            <label>
              Metric{" "}
              <select value={metric} onChange={(event) => setMetric(event.target.value)}>
                {Object.entries(metrics)
                  .filter(([name]) => network.count.layers.some((row) => row[name] !== undefined && row[name] !== null))
                  .map(([name, each]) => (
                    <option key={name} value={name}>{each.title}</option>
                  ))}
              </select>
            </label>
            <label>
              Search <input type="search" value={query} placeholder="path, type, macs>10M" onInput={(e) => setQuery(e.target.value)} />
            </label>
            <Matches query={query} root={root} />
            {networks.length > 1 && <span>{network.name}</span>}
          </div>
          <Section id="where" title="Where it goes" hint={metrics[metric].about}>
            <Icicle {...shared} />
          </Section>
          <Section id="layers" title="Layers">
            <LayerTable {...shared} />
          </Section>
          <Section id="graph" title="Graph">
            <Graph key={current} {...shared} />
          </Section>
          {network.memory && (
            <Section id="memory" title="Memory over time">
              <MemoryCurve key={current} {...shared} devices={data.devices ?? []} />
            </Section>
          )}
          {network.roofs && data.devices?.length > 0 && (
            <Section id="roofline" title="Roofline">
              <Roofline key={current} {...shared} devices={data.devices} />
            </Section>
          )}
        </>
      )}
      <Section id="counted" title="What is counted">
        {network && <Convention network={network} />}
        <p class="made">
          Made by flopcount {data.flopcount}
          {data.command && (
            <>
              {" "}with <code>{data.command}</code>
            </>
          )}
          . All integers are exact.
        </p>
      </Section>
    </div>
  );
}

const MOST_NAMED = 5;

function headline({ networks, check }) {
  if (check) return check.ok ? "All limits hold" : "Not all limits hold";
  if (networks.length > MOST_NAMED) return `${networks.length} networks`;
  return networks.length === 1 ? networks[0].title : networks.map((each) => each.name).join(" · ");
}

function Choice({ networks, current, onChoose }) {
  if (networks.length > 2 * MOST_NAMED)
    return (
      <label>
        Network{" "}
        <select value={current} onChange={(event) => onChoose(Number(event.target.value))}>
          {networks.map((each, index) => <option key={index} value={index}>{each.name}</option>)}
        </select>
      </label>
    );
  return (
    <div class="tabs" role="group" aria-label="Network">
      {networks.map((each, index) => (
        <button key={index} type="button" aria-pressed={index === current} onClick={() => onChoose(index)}>
          {each.name}
        </button>
      ))}
    </div>
  );
}

/** Say how many layers a search finds. */
function Matches({ query, root }) {
  const number = useMemo(() => matched(query, root), [query, root]);
  const said = number === null ? "" : number === 0 ? "no layer matches" : `${number} ${number === 1 ? "layer matches" : "layers match"}`;
  return <span class="about" role="status">{said}</span>;
}

function Section({ id, title, hint, children }) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {hint && <p class="about">{hint}</p>}
      {children}
    </section>
  );
}

function totalsOf(network, metrics) {
  return Object.fromEntries(
    Object.keys(metrics)
      .filter((name) => network.count.totals[name] !== undefined)
      .map((name) => [name, network.count.totals[name]]),
  );
}

const CARDS = ["params", "macs", "flops", "weight_bytes", "peak", "saved_bytes", "optimizer_bytes", "traffic", "intensity"];

function Facts({ network, metrics }) {
  const { count } = network;
  const totals = CARDS.filter((name) => metrics[name] && count.totals[name] !== undefined && count.totals[name] !== null);
  const head = metrics.macs ? "macs" : "flops";
  const ratio = count.standard?.ratio[head];
  return (
    <>
      <dl class="cards">
        {totals.map((name) => (
          <div key={name} title={metrics[name].about}>
            <dt>{count.at_least && name !== "intensity" ? `${metrics[name].title}, at least` : metrics[name].title}</dt>
            <dd>
              <span class="big">{brief(count.totals[name], metrics[name].unit)}</span>
              {metrics[name].unit === "ratio" ? null : <span class="digits">{exact(count.totals[name])}</span>}
            </dd>
          </div>
        ))}
        {count.totals.least_seconds !== undefined && (
          <div>
            <dt>least time on {count.device.name}</dt>
            <dd><span class="big">{brief(count.totals.least_seconds, "seconds")}</span></dd>
          </div>
        )}
        {ratio !== undefined && (
          <div title={`${exact(count.totals[head])} of ${exact(count.standard.totals[head])} ${metrics[head].title} with standard convolutions`}>
            <dt>{metrics[head].title}, ratio to standard convolutions</dt>
            <dd>
              <span class="big">{ratio.toPrecision(4)}</span>
              <span class="digits">{String(ratio)}</span>
            </dd>
          </div>
        )}
      </dl>
      <p class="lines">{network.lines.map((line) => <span key={line}>{line}</span>)}</p>
    </>
  );
}

function Convention({ network }) {
  const { convention } = network.count;
  return (
    <dl class="convention">
      <dt>{convention.headline ?? "MACs"}</dt>
      <dd>{convention.macs_counted}</dd>
      <dt>not counted</dt>
      <dd>{convention.macs_not_counted}</dd>
      <dt>params</dt>
      <dd>{convention.params_counted}</dd>
      <dt>convention</dt>
      <dd>{convention.name}, in {convention.unit}s</dd>
      <dt>input</dt>
      <dd>{shape(network.count.input)}</dd>
    </dl>
  );
}

function Notes({ data, network }) {
  const all = [
    ...(network?.count.notes ?? []),
    ...(network?.memory?.notes ?? []),
    ...(data.compare?.notes ?? []),
    ...(data.diffs ?? []).flatMap((diff) => diff.notes),
    ...(data.check?.notes ?? []),
    ...(data.notes ?? []),
  ];
  const notes = [...new Set(all)].filter((note) => !all.includes(`${network?.name}: ${note}`));
  if (!notes.length) return null;
  return (
    <ul class="notes" aria-label="Notes">
      {notes.map((note) => <li key={note}>note: {note}</li>)}
    </ul>
  );
}

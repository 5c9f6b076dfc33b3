// A link carries a network and its settings in the fragment, which browsers send to nobody.

export const MOST = 2_000_000; // characters of a spec in a link

async function piped(bytes, stream) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.length;
    if (size > MOST) throw new RangeError("The spec in this link is too large.");
    parts.push(step.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function packed(text) {
  const bytes = await piped(new TextEncoder().encode(text), new CompressionStream("deflate-raw"));
  let raw = "";
  for (let start = 0; start < bytes.length; start += 0x8000) raw += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export async function unpacked(word) {
  const raw = atob(word.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(raw, (char) => char.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true }).decode(await piped(bytes, new DecompressionStream("deflate-raw")));
}

export const SETTINGS = ["input", "width", "batch", "precision", "variant"];

/** Return the fragment of a state: { network } or { spec, name }, and settings. */
export async function fragmentOf({ network, spec, name, settings }) {
  const found = new URLSearchParams();
  if (network) found.set("network", network);
  else {
    if (name) found.set("name", name);
    found.set("spec", await packed(spec));
  }
  for (const key of SETTINGS) if (settings[key]) found.set(key, settings[key]);
  return `#${found}`;
}

/** Return the state of a fragment; undefined if there is none, an error if it is damaged. */
export async function stateOf(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  const settings = Object.fromEntries(SETTINGS.filter((key) => found.get(key)).map((key) => [key, found.get(key)]));
  if (found.get("network")) return { network: found.get("network"), settings };
  if (!found.has("spec")) return undefined;
  try {
    return { spec: await unpacked(found.get("spec")), name: found.get("name") ?? "", settings };
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new Error(`The spec in this link is damaged: it cannot be unpacked. Ask for the link again, whole.`);
  }
}

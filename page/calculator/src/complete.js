// Completion from the JSON Schema of arch files: kinds, the fields of the kind at the cursor, and the values of a field.
import { contextAt, notationOf } from "./context.js";

export function completions(schema) {
  const book = new Book(schema);
  return (context) => {
    const text = context.state.doc.toString();
    const found = contextAt(text, context.pos);
    if (!found) return null;
    if (!found.word && !found.quote && !context.explicit && found.place !== "value") return null;
    const options = book.options(found, text, notationOf(text) === "json");
    return options.length ? { from: found.from, to: found.to, options, validFor: /^[\w.-]*$/ } : null;
  };
}

class Book {
  constructor(schema) {
    this.schema = schema;
    this.kinds = Object.entries(schema.$defs)
      .filter(([name, each]) => each.properties?.type?.const === name)
      .map(([name, each]) => ({ name, about: each.description ?? "" }));
  }

  options(found, text, isJson) {
    if (found.place === "header") return this.headers();
    const [key, ...outer] = (found.key ?? "").split(".").reverse();
    const table = found.place === "value" ? this.tableAt([...found.path, ...outer.reverse()], found.table) : this.tableAt(found.path, found.table);
    if (!table) return [];
    if (found.place === "key") return this.keys(table, found, isJson);
    if (found.key === "type" && this.isLayer(found.path)) return this.types(text).map((each) => value(each.name, each.about, found, true, "class"));
    if (found.key === "after") return names(text).map((name) => value(name, "an earlier layer", found, true, "variable"));
    return this.values(table.properties?.[key] ?? table.additionalProperties, found);
  }

  /** The tables that TOML has a header for, at the top of a file. */
  headers() {
    return Object.entries(this.schema.properties)
      .filter(([name, each]) => name === "layers" || this.alternatives(each).some((other) => other.type === "object" || other.items?.type === "object"))
      .map(([name, each]) => ({ label: name, type: "namespace", info: each.description, boost: name === "layers" ? 1 : 0 }));
  }

  keys(table, found, isJson) {
    const required = new Set(table.required ?? []);
    return Object.entries(table.properties ?? {})
      .filter(([name]) => name === found.word || !(name in found.table))
      .map(([name, each]) => {
        return {
          label: name,
          type: "property",
          info: [each.description, said(this.resolved(each))].filter(Boolean).join("; "),
          boost: name === "type" ? 3 : required.has(name) || !("default" in each) ? 1 : STRUCTURE.has(name) ? -1 : 0,
          apply: (view, _, from, to) => insertKey(view, name, from, to, isJson && !found.quote, isJson ? '": ' : " = "),
        };
      });
  }

  types(text) {
    const own = [...text.matchAll(/^\s*\[templates\.(?:"([^"\n]+)"|([\w-]+))\]/gm)].map((match) => ({ name: match[1] ?? match[2], about: "a template of this file" }));
    return [...own, ...this.kinds];
  }

  values(node, found) {
    if (!node) return [];
    const all = this.alternatives(node);
    const words = [...new Set(all.flatMap((each) => each.enum ?? (typeof each.const === "string" ? [each.const] : [])))];
    const isBoolean = all.some((each) => each.type === "boolean") && !found.quote;
    return [
      ...words.filter((word) => typeof word === "string").map((word) => value(word, "", found, true, "enum")),
      ...(isBoolean ? ["true", "false"] : []).map((word) => value(word, "", found, false, "keyword")),
    ];
  }

  /** A schema and all that its value may be instead. */
  alternatives(node) {
    const found = this.resolved(node);
    return [found, ...(found.anyOf ?? []).flatMap((each) => this.alternatives(each))];
  }

  resolved(node) {
    let found = node ?? {};
    for (let step = 0; found.$ref && step < 20; step += 1) {
      const target = this.schema.$defs[found.$ref.replace("#/$defs/", "")];
      found = { ...target, ...found, $ref: target?.$ref };
    }
    return found;
  }

  isLayer(path) {
    return typeof path.at(-1) === "number" && path.at(-2) === "layers";
  }

  /** Return the schema of the table at a path, by its kind if it is a layer. */
  tableAt(path, table) {
    if (this.isLayer(path)) {
      const kind = table.type !== undefined && this.schema.$defs[table.type];
      return kind?.properties?.type ? kind : { properties: { ...this.schema.$defs.Conv.properties, type: { description: "the kind of layer" } }, required: ["type"] };
    }
    let node = this.schema;
    for (const key of path) {
      const next = this.alternatives(node).flatMap((part) => (typeof key === "number" ? [part.items] : [part.properties?.[key], ...Object.values(part.patternProperties ?? {}), part.additionalProperties]));
      node = next.find((each) => each && typeof each === "object" && Object.keys(each).length);
      if (!node) return undefined;
    }
    return this.alternatives(node).find((each) => each.properties || each.additionalProperties);
  }
}

const STRUCTURE = new Set(["name", "after", "repeat", "scale", "shared", "frozen", "when"]);

/** Write a key, and what follows it unless it is there. */
function insertKey(view, name, from, to, isUnquoted, next) {
  const rest = view.state.sliceDoc(to, to + 40);
  const word = rest.match(/^[\w-]*/)[0].length;
  const isFollowed = /^"?\s*[=:]/.test(rest.slice(word));
  const quote = !isFollowed && next.startsWith('"') && rest[word] === '"' ? 1 : 0;
  const insert = `${isUnquoted ? '"' : ""}${name}${isFollowed ? "" : next}`;
  view.dispatch({ changes: { from, to: to + word + quote, insert }, selection: { anchor: from + insert.length } });
}

function value(label, info, found, isText, type) {
  const quoted = isText && !found.quote ? JSON.stringify(label) : label;
  return { label, info: info || undefined, type, apply: quoted };
}

function names(text) {
  return [...new Set([...text.matchAll(/\bname"?\s*[=:]\s*"([^"\n]+)"/g)].map((match) => match[1]))];
}

/** Say what a field takes, and its default. */
function said(node) {
  const types = [...new Set([node.type, ...(node.anyOf ?? []).map((each) => each.type)].flat().filter((each) => each && each !== "null"))];
  const words = { integer: "an integer", number: "a number", boolean: "true or false", string: "text", array: "a list", object: "a table" };
  const takes = types.map((each) => words[each] ?? each).join(", ");
  const initial = node.default === undefined || node.default === null ? "" : `by default ${JSON.stringify(node.default)}`;
  return [takes, initial].filter(Boolean).join("; ");
}

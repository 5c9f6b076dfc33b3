// Where in a spec a cursor stands, while the spec is being typed: TOML or JSON, complete or not.
//
// `contextAt(text, offset)` returns `place` (a key, a value or a header), the keys that lead to the table there (`path`),
// what is known of that table so far (`table`), the key whose value it is (`key`), and the `word` that is being typed,
// which begins at `from`, with the `quote` it stands in; undefined in a comment.

const TOKEN =
  /(?<comment>#[^\n]*)|(?<string>"""(?:[^\\]|\\[^])*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?)|(?<newline>\n)|(?<mark>[{}[\],=:])|(?<word>[^\s{}[\],=:"'#]+)|(?<space>[^\S\n]+)/g;

export function notationOf(text) {
  return /^\s*[{]/.test(text) ? "json" : "toml";
}

export function contextAt(text, offset) {
  return new Scanner(text, offset, notationOf(text) === "json").run();
}

/** A table or a list that is open while the text is read. */
function frame(path, isTable) {
  return { path, isTable, table: {}, place: isTable ? "key" : "value", key: undefined, index: 0 };
}

class Scanner {
  constructor(text, offset, isJson) {
    Object.assign(this, { text, offset, isJson, lengths: {}, isAtLineStart: true });
    this.stack = [frame([], !isJson)];
  }

  get top() {
    return this.stack.at(-1);
  }

  run() {
    for (const match of this.text.matchAll(TOKEN)) {
      const type = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      if (!this.found && this.meets(type, match[0], match.index) === "comment") return undefined;
      this.take(type, match[0]);
    }
    this.note(this.offset);
    const { holder, ...found } = this.found;
    return { ...found, path: holder.path, table: holder.table };
  }

  /** Note what stands at the cursor, if this token reaches it. */
  meets(type, token, start) {
    const end = start + token.length;
    if (start >= this.offset) this.note(this.offset);
    else if (type === "comment" && this.offset <= end) return "comment";
    else if (type === "word" && this.offset <= end) this.note(start);
    else if (type === "string") {
      const [quote] = token.match(/^("""|'''|"|')/);
      const isClosed = token.length >= 2 * quote.length && token.endsWith(quote);
      if (this.offset < end || (!isClosed && this.offset === end)) this.note(start + quote.length, quote);
    }
    return "";
  }

  note(from, quote = "") {
    if (this.found) return;
    const isKey = this.top.isTable && this.top.place === "key";
    const holder = this.stack.findLast((each) => each.isTable) ?? this.top;
    const place = this.header ? "header" : isKey ? "key" : "value";
    this.found = { holder, place, key: holder.key, from, word: this.text.slice(from, this.offset), quote };
  }

  take(type, token) {
    if (type === "space" || type === "comment") return;
    const isOnLine = !this.isJson && this.stack.length === 1;
    if (this.header) this.takeHeader(type, token);
    else if (isOnLine && this.isAtLineStart && token === "[") this.header = { isList: false, text: "" };
    else if (type === "newline" && isOnLine) Object.assign(this.top, { place: "key", key: undefined });
    else if (type === "mark") this.takeMark(token);
    else if (type !== "newline") this.takeWord(type === "string" ? unquoted(token) : token, type === "string");
    this.isAtLineStart = type === "newline";
  }

  takeHeader(type, token) {
    if (type === "newline") {
      this.enter(this.header.text.split(".").map((part) => unquoted(part)), this.header.isList);
      this.header = undefined;
    } else if (token === "[") this.header.isList = true;
    else if (token !== "]") this.header.text += token;
  }

  /** Begin the table of a header. */
  enter(keys, isList) {
    let path = [];
    keys.forEach((key, index) => {
      path = [...path, key];
      const name = JSON.stringify(path);
      if (isList && index === keys.length - 1) this.lengths[name] = (this.lengths[name] ?? 0) + 1;
      if (this.lengths[name]) path = [...path, this.lengths[name] - 1];
    });
    this.stack = [frame(path, true)];
  }

  takeMark(mark) {
    const { top } = this;
    if (mark === "{" || mark === "[") this.open(mark === "{");
    else if (mark === "}" || mark === "]") this.close(mark === "}");
    else if (mark !== ",") top.place = top.key === undefined ? top.place : "value";
    else if (!top.isTable) top.index += 1;
    else if (this.stack.length > 1) Object.assign(top, { place: "key", key: undefined });
  }

  open(isTable) {
    const { top } = this;
    const isRoot = this.isJson && this.stack.length === 1;
    const step = isRoot ? [] : top.isTable ? (top.key?.split(".") ?? []) : [top.index];
    this.stack.push(frame([...top.path, ...step], isTable));
  }

  close(isTable) {
    const index = this.stack.findLastIndex((each, number) => number > 0 && each.isTable === isTable);
    if (index > 0) this.stack.length = index;
  }

  takeWord(word, isText) {
    const { top } = this;
    if (!top.isTable) return;
    if (top.place === "value") {
      if (top.key !== undefined) top.table[top.key] ??= isText ? word : Number(word);
      return;
    }
    top.key = word;
    top.table[word] = undefined;
  }
}

function unquoted(token) {
  const quote = token.match(/^("""|'''|"|')/)?.[0] ?? "";
  const inner = token.slice(quote.length);
  return quote && inner.endsWith(quote) ? inner.slice(0, -quote.length) : inner;
}

// The editor of specs: TOML or JSON, completion from the schema, and what is wrong under the line that it is about.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, WidgetType } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { completions } from "./complete.js";
import { notationOf } from "./context.js";

const language = new Compartment();
const languages = { toml: StreamLanguage.define(toml), json: json() };

const style = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-text)" },
  { tag: [tags.number, tags.bool, tags.atom, tags.null], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
]);

class Message extends WidgetType {
  constructor(what) {
    super();
    this.what = what;
  }

  eq(other) {
    return other.what === this.what;
  }

  toDOM() {
    const element = document.createElement("div");
    element.className = "cm-problem";
    element.textContent = this.what;
    return element;
  }
}

const setMessages = StateEffect.define();

const messages = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    const found = transaction.effects.find((effect) => effect.is(setMessages));
    return found ? found.value : value.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Make the editor inside an element; `changed` is told its text when the user changes it. */
export function editor(parent, schema, label, changed) {
  let isSetting = false;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        autocompletion({ override: [completions(schema)], maxRenderedOptions: 200, icons: false }),
        language.of(languages.toml),
        syntaxHighlighting(style),
        messages,
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          const text = update.state.doc.toString();
          if (notationOf(text) !== notationOf(update.startState.doc.toString())) view.dispatch({ effects: language.reconfigure(languages[notationOf(text)]) });
          if (!isSetting) changed(text);
        }),
      ],
    }),
  });
  return {
    view,
    get text() {
      return view.state.doc.toString();
    },
    set text(text) {
      isSetting = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 }, scrollIntoView: true });
      isSetting = false;
    },
    tell: (problems) => tell(view, problems),
  };
}

/** Underline problems, each with its sentence under the line. */
function tell(view, problems) {
  const { doc } = view.state;
  const placed = problems.filter((each) => each.line >= 1 && each.line <= doc.lines).map((each) => ({ ...each, ...spanOf(doc, each) }));
  const under = [...placed]
    .sort((one, other) => one.line - other.line)
    .map((each) => Decoration.widget({ widget: new Message(each.what), block: true, side: 1 }).range(doc.line(each.line).to));
  view.dispatch(setDiagnostics(view.state, placed.map(({ from, to, what }) => ({ from, to, severity: "error", message: what }))));
  view.dispatch({ effects: setMessages.of(Decoration.set(under)) });
}

/** Return the offsets of a problem: its column counts characters, those of the editor UTF-16 units. */
function spanOf(doc, { line, column, length = 1 }) {
  const { from, to, text } = doc.line(line);
  const chars = [...text];
  const start = chars.slice(0, Math.max(0, (column || 1) - 1)).join("").length;
  const end = start + chars.slice((column || 1) - 1, (column || 1) - 1 + Math.max(1, length)).join("").length;
  return { from: Math.min(to, from + start), to: Math.min(to, Math.max(from + end, from + start + 1)) };
}

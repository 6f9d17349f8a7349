/** The choice in the toolbar by which runs are grouped: names, a setting, or an expression. */

import { element, setText } from "./elements.js";
import { complaint, EXPRESSION, ways } from "./grouping.js";

/**
 * @param {Object} page
 * @param {Array} updates gets a function to call with the state at each change.
 */
export function groupingChoice(page, updates) {
  const { state } = page;
  const choice = element("select", { "aria-label": "Group runs by" });
  const field = element("input", {
    type: "text",
    size: "14",
    placeholder: "(.*)-s\\d+",
    "aria-label": "Expression: runs in which it finds the same are a group",
    title: "A regular expression. Runs in which it, or its parts in brackets, finds the same are a group.",
    autocomplete: "off",
    spellcheck: "false",
    hidden: true,
  });
  const said = element("span", { class: "said", role: "alert" });
  let listed = "";

  const isOpen = () => choice.value === EXPRESSION;
  choice.addEventListener("change", () => {
    setText(said, "");
    field.hidden = !isOpen();
    if (isOpen()) field.focus();
    else state.set({ by: choice.value });
  });
  field.addEventListener("change", () => {
    const text = field.value.trim();
    const wrong = complaint(text);
    const before = expressionIn(state.value.by);
    if (wrong) field.value = before;
    setText(said, wrong && `${wrong}${before ? " It is as it was." : ""}`);
    if (!wrong) state.set({ by: text ? EXPRESSION + text : "" });
  });

  updates.push(({ by }) => {
    const found = ways(page.runs.all, page.told);
    const expression = expressionIn(by);
    const chosen = expression ? EXPRESSION : by;
    if (!found.some(([way]) => way === chosen)) found.push([chosen, chosen.replace(/^\w+:/, "")]);
    const texts = JSON.stringify(found);
    if (texts !== listed) {
      const wasOpen = isOpen();
      listed = texts;
      choice.replaceChildren(
        ...found.map(([way, words]) => element("option", { value: way }, words)),
      );
      if (wasOpen) choice.value = EXPRESSION;
    }
    const isTyping = isOpen() && !expression && document.activeElement === field;
    if (!isTyping) choice.value = chosen;
    field.hidden = !isOpen();
    if (document.activeElement !== field) field.value = expression;
  });
  return element("span", { class: "grouping" }, choice, field, said);
}

function expressionIn(by) {
  return by.startsWith(EXPRESSION) ? by.slice(EXPRESSION.length) : "";
}

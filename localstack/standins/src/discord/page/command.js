// The composer: a slash opens the picker, a command's options become fields, Enter sends them.
import { el, icon } from "/markup.js";
import { avatar } from "/people.js";
import { $, post, view } from "/store.js";

const TYPES = { SUBCOMMAND: 1, GROUP: 2, TEXT: 3, WHOLE: 4, CHANNEL: 7, ROLE: 8 };

let leaves = []; // {line, path, spec}: everything that can be entered
let known = "";
let chosen = null; // the leaf whose options are being filled in
let highlighted = 0;

/** Everything that can be entered, from the registered commands. */
function flatten(commands) {
  const found = [];
  for (const command of commands) {
    const options = command.options ?? [];
    if (!options.some((option) => option.type <= TYPES.GROUP)) found.push({ name: command.name, path: [], spec: command });
    for (const option of options) {
      if (option.type === TYPES.SUBCOMMAND) found.push({ name: command.name, path: [option], spec: option });
      if (option.type === TYPES.GROUP) {
        for (const leaf of option.options) found.push({ name: command.name, path: [option, leaf], spec: leaf });
      }
    }
  }
  return found.map((leaf) => ({ ...leaf, line: ["/" + leaf.name, ...leaf.path.map((step) => step.name)].join(" ") }));
}

/** Take up the registered commands, and who acts. */
export function drawComposer() {
  const key = JSON.stringify([view.state.commands, view.self]);
  if (key === known) return;
  known = key;
  leaves = flatten(view.state.commands);
  const member = view.state.members.find((candidate) => candidate.id === view.self);
  const input = $("composer");
  input.placeholder = leaves.length
    ? `Type / for commands, as ${member?.name ?? "nobody"}`
    : `You act as ${member?.name ?? "nobody"}. No commands are registered.`;
  if (!chosen) drawPicker();
}

function matches() {
  const typed = $("composer").value.trim().toLowerCase();
  if (!typed.startsWith("/")) return [];
  const words = typed.slice(1).split(/\s+/).filter(Boolean);
  return leaves.filter((leaf) => words.every((word) => leaf.line.slice(1).includes(word)));
}

function drawPicker() {
  const found = matches();
  highlighted = Math.min(highlighted, Math.max(found.length - 1, 0));
  const open = found.length > 0;
  $("picker").hidden = !open;
  $("composer").setAttribute("aria-expanded", String(open));
  $("composer").setAttribute("aria-activedescendant", open ? `command-${highlighted}` : "");
  $("picker").replaceChildren(
    el("p", { class: "menu-title", text: open ? `${view.state.bot.username} — ${found.length} commands` : "" }),
    ...found.map((leaf, index) => {
      const options = (leaf.spec.options ?? []).map((option) =>
        el("span", { class: option.required ? "opt needed-opt" : "opt", text: option.name }));
      return el("div", {
        class: "command", role: "option", id: `command-${index}`, "aria-selected": String(index === highlighted), "data-command": leaf.line,
        onclick: () => choose(leaf), onmousemove: () => highlight(index),
      }, avatar({ bot: true }), el("span", { class: "command-text" },
        el("span", { class: "command-line" }, el("b", { text: leaf.line }), ...options),
        el("span", { class: "command-about", text: leaf.spec.description })));
    }),
  );
  $("picker").querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
}

function highlight(index) {
  if (index === highlighted) return;
  highlighted = index;
  for (const [at, node] of [...$("picker").querySelectorAll(".command")].entries()) {
    node.setAttribute("aria-selected", String(at === highlighted));
  }
  $("composer").setAttribute("aria-activedescendant", `command-${highlighted}`);
}

/** Show a command's options as fields; one without any is sent when Enter is pressed again. */
function choose(leaf) {
  chosen = leaf;
  $("picker").hidden = true;
  $("composer").hidden = true;
  $("composer").setAttribute("aria-expanded", "false");
  $("command-form").hidden = false;
  $("command-name").textContent = leaf.line;
  $("command-form").dataset.command = leaf.line;
  $("command-about").textContent = leaf.spec.description;
  $("command-error").hidden = true;
  $("command-options").replaceChildren(...(leaf.spec.options ?? []).map(field));
  ($("command-options").querySelector("input, select") ?? $("command-send")).focus();
}

function field(option) {
  const id = `option-${option.name}`;
  const common = { id, "data-option": option.name, "data-type": option.type, "aria-required": String(Boolean(option.required)),
    "aria-describedby": `${id}-about` };
  const list = (first, entries) => el("select", common,
    option.required ? el("option", { value: "", text: first }) : el("option", { value: "", text: "—" }),
    ...entries.map(([value, text]) => el("option", { value, text })));
  let control;
  if (option.choices?.length) control = list("Choose…", option.choices.map((choice) => [choice.value, choice.name]));
  else if (option.type === TYPES.ROLE) {
    const everyone = [view.state.guild.id, "@everyone"];
    control = list("Choose a role…", [...view.state.roles.map((role) => [role.id, `@${role.name}`]), everyone]);
  } else if (option.type === TYPES.CHANNEL) control = list("Choose a channel…", [[view.state.channel.id, `#${view.state.channel.name}`]]);
  else if (option.type === TYPES.WHOLE) {
    control = el("input", { ...common, type: "number", min: option.min_value, max: option.max_value, step: 1, inputmode: "numeric" });
  } else {
    control = el("input", { ...common, type: "text", maxlength: option.max_length, autocomplete: "off", spellcheck: "false" });
  }
  return el("div", { class: "option" },
    el("label", { for: id }, option.name, option.required ? el("span", { class: "needed", text: " *", "aria-hidden": "true" })
      : el("span", { class: "optional", text: " optional" })),
    control, el("p", { class: "hint", id: `${id}-about`, text: option.description }));
}

function leave() {
  chosen = null;
  $("command-form").hidden = true;
  $("composer").hidden = false;
  $("composer").value = "";
  drawPicker();
  $("composer").focus();
}

async function send(event) {
  event.preventDefault();
  const button = $("command-send");
  if (!chosen || button.dataset.state === "loading") return;
  const options = [];
  for (const control of $("command-options").querySelectorAll("[data-option]")) {
    const type = Number(control.dataset.type);
    const text = control.value.trim();
    if (text !== "") options.push({ name: control.dataset.option, type, value: type === TYPES.WHOLE ? Number(text) : text });
  }
  const nested = chosen.path.reduceRight((below, step) => [{ name: step.name, type: step.type, options: below }], options);
  button.dataset.state = "loading";
  $("command-error").hidden = true;
  try {
    const outcome = await post("/page/command", { name: chosen.name, options: nested });
    if (outcome.failure) throw new Error("the application did not respond");
    leave();
  } catch (error) {
    const reason = error.message.replace("this cannot be sent: ", "");
    $("command-error").textContent = reason[0].toUpperCase() + reason.slice(1);
    $("command-error").hidden = false;
    const wrong = [...$("command-options").querySelectorAll("[data-option]")].find((control) => reason.startsWith(`${control.dataset.option} `));
    wrong?.focus();
  } finally {
    button.dataset.state = "idle";
  }
}

/** Who used which command, above its answer. */
export function invocation(message) {
  const used = message.interaction_metadata;
  if (!used?.command) return "";
  const user = view.state.members.find((member) => member.id === used.user.id) ?? { id: used.user.id, name: used.user.username };
  return el("div", { class: "reply" }, avatar(user), el("b", { text: user.name }), " used ",
    el("span", { class: "used", text: `/${used.command}` }));
}

/** Wire the composer up, once. */
export function startComposer() {
  const input = $("composer");
  input.addEventListener("input", () => { highlighted = 0; drawPicker(); });
  input.addEventListener("keydown", (event) => {
    const found = matches();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      highlighted = (highlighted + step + found.length) % found.length;
      drawPicker();
    } else if ((event.key === "Enter" || event.key === "Tab") && found.length) {
      event.preventDefault();
      choose(found[highlighted]);
    } else if (event.key === "Escape") {
      input.value = "";
      drawPicker();
    }
  });
  $("command-form").addEventListener("submit", send);
  $("command-form").addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  $("command-cancel").addEventListener("click", leave);
  $("command-cancel").append(icon("close"));
  document.addEventListener("keydown", (event) => {
    // As in Discord: a slash anywhere begins a command.
    if (event.key !== "/" || event.target.closest("input, textarea, select, dialog[open]") || !$("command-form").hidden) return;
    event.preventDefault();
    input.value = "/";
    input.focus();
    drawPicker();
  });
}

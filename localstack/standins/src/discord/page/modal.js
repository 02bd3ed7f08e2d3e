// The modal that is open for the acting member.
import { el, markup } from "/markup.js";
import { $, post, view } from "/store.js";

let known = "";

/** Open, change or close it. */
export function drawModal() {
  const data = view.state.modal;
  const key = data ? JSON.stringify(data) : "";
  if (key === known) return;
  known = key;
  if (!data) return $("modal").close();
  $("modal").dataset.customId = data.custom_id;
  $("modal-title").textContent = data.title;
  $("modal-bot").textContent = view.state.bot.username;
  $("modal-error").hidden = true;
  $("modal-inputs").replaceChildren(...data.components.map(field));
  if (!$("modal").open) $("modal").showModal();
  $("modal-inputs").querySelector("input, textarea, select")?.focus();
}

function field(data) {
  if (data.type === 10) return el("div", { class: "text" }, ...markup(data.content, view.names));
  const input = data.type === 1 ? data.components[0] : data.component;
  const id = `input-${input.custom_id}`;
  const required = input.required ?? true;
  const most = input.max_length ?? 4000;
  const common = { id, "data-custom-id": input.custom_id, placeholder: input.placeholder, "aria-required": String(required) };
  let control;
  let count = "";
  if (input.type === 3) {
    control = el("select", common, el("option", { value: "", text: input.placeholder ?? "Make a selection" }),
      ...input.options.map((option) => el("option", { value: option.value, text: option.label, selected: Boolean(option.default) })));
  } else if (input.type === 4) {
    control = el(input.style === 2 ? "textarea" : "input", { ...common, maxlength: most, rows: input.style === 2 ? 4 : undefined, autocomplete: "off" });
    control.value = input.value ?? "";
    count = el("span", { class: "count", "aria-hidden": "true" });
    const update = () => { count.textContent = `${control.value.length}/${most}`; };
    control.addEventListener("input", update);
    update();
  } else {
    control = el("p", { class: "unsupported", text: "This kind of input cannot be used here." });
  }
  return el("div", { class: "input" },
    el("label", { for: id }, data.label ?? input.label ?? "", required ? el("span", { class: "needed", text: " *", "aria-hidden": "true" }) : ""),
    data.description ? el("p", { class: "hint", text: data.description }) : "", control, count);
}

/** Send it, and say why if it does not go. */
export async function submitModal(event) {
  event.preventDefault();
  const submit = $("modal-submit");
  if (submit.dataset.state === "loading") return;
  submit.dataset.state = "loading";
  $("modal-error").hidden = true;
  const values = [...$("modal-inputs").querySelectorAll("[data-custom-id]")].map((node) => [node.dataset.customId, node.value]);
  try {
    const outcome = await post("/page/modal", { custom_id: $("modal").dataset.customId, values });
    if (outcome.failure) throw new Error("Something went wrong. Try again.");
  } catch (error) {
    const reason = error.message.replace("this cannot be sent: ", "");
    $("modal-error").textContent = reason[0].toUpperCase() + reason.slice(1);
    $("modal-error").hidden = false;
  } finally {
    submit.dataset.state = "idle";
  }
}

/** Give it up. */
export const closeModal = () => post("/page/modal/close", {}).catch(() => $("modal").close());

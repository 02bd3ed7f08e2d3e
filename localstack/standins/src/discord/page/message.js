// Messages: cards, buttons, ephemeral answers. A message that did not change keeps its element.
import { invocation } from "/command.js";
import { el, icon, markup } from "/markup.js";
import { avatar } from "/people.js";
import { $, post, view } from "/store.js";

const GROUP_WINDOW = 7 * 60 * 1000;
const LOADING = 128;
const shown = new Map(); // message id -> {key, node}

function when(iso) {
  const at = new Date(iso);
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(at);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return time;
  if (days === 1) return `Yesterday at ${time}`;
  return new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" }).format(at);
}

function fields(list) {
  const rows = [];
  for (const field of list) {
    const row = rows.at(-1);
    if (field.inline && row?.inline && row.fields.length < 3) row.fields.push(field);
    else rows.push({ inline: Boolean(field.inline), fields: [field] });
  }
  const cells = rows.flatMap((row) =>
    row.fields.map((field) =>
      el("div", { class: `field span-${row.inline ? 12 / row.fields.length : "all"}`, "data-field": field.name },
        el("div", { class: "field-name" }, ...markup(field.name, view.names)),
        el("div", { class: "field-value" }, ...markup(field.value, view.names)))));
  return el("div", { class: "fields" }, ...cells);
}

function embed(data) {
  const node = el("article", { class: "embed" });
  if (Number.isInteger(data.color)) node.style.setProperty("--bar", `#${data.color.toString(16).padStart(6, "0")}`);
  if (data.author) node.append(el("div", { class: "embed-author", text: data.author.name }));
  if (data.title) {
    const safe = /^https?:\/\//.test(data.url ?? "");
    const title = markup(data.title, view.names);
    node.append(el("div", { class: "embed-title" },
      ...(safe ? [el("a", { href: data.url, target: "_blank", rel: "noopener noreferrer" }, ...title)] : title)));
  }
  if (data.description) node.append(el("div", { class: "embed-text" }, ...markup(data.description, view.names)));
  if (data.fields?.length) node.append(fields(data.fields));
  const footer = [data.footer?.text, data.timestamp && when(data.timestamp)].filter(Boolean).join(" • ");
  if (footer) node.append(el("div", { class: "embed-footer", text: footer }));
  return node;
}

function button(data, message) {
  const label = [data.emoji?.id ? "" : data.emoji?.name, data.label].filter(Boolean).join(" ");
  const face = el("span", { class: "face", text: label });
  if (data.style === 5) {
    return el("a", { class: "btn", "data-style": 5, href: /^https?:\/\//.test(data.url) ? data.url : undefined, target: "_blank",
      rel: "noopener noreferrer" }, face, icon("out"));
  }
  const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
  const node = el("button", {
    class: "btn", type: "button", "data-style": data.style, "data-custom-id": data.custom_id,
    "data-state": data.disabled ? "disabled" : "idle", disabled: Boolean(data.disabled),
    onclick: () => press(node, message.id, data.custom_id),
  }, face, dots);
  return node;
}

function component(data, message) {
  switch (data.type) {
    case 1:
      return el("div", { class: "row" }, ...data.components.map((child) => component(child, message)));
    case 2:
      return button(data, message);
    case 9:
      return el("div", { class: "section" }, el("div", {}, ...data.components.map((child) => component(child, message))),
        component(data.accessory, message));
    case 10:
      return el("div", { class: "text" }, ...markup(data.content, view.names));
    case 14:
      return el("hr");
    case 17: {
      const node = el("article", { class: "embed" }, ...data.components.map((child) => component(child, message)));
      if (Number.isInteger(data.accent_color)) node.style.setProperty("--bar", `#${data.accent_color.toString(16).padStart(6, "0")}`);
      return node;
    }
    default:
      return el("div", { class: "unsupported", text: "This kind of component can be shown, but not used, here." });
  }
}

function attachment(file) {
  const url = /^\/attachments\/[^?#]+$/.test(file.url) ? file.url : undefined;
  if (file.content_type === "image/png") {
    return el("a", { class: "picture", href: url, target: "_blank", rel: "noopener noreferrer" },
      el("img", { src: url, alt: file.filename, loading: "lazy" }));
  }
  const size = file.size < 1024 ? `${file.size} bytes` : `${(file.size / 1024).toFixed(1)} KB`;
  return el("a", { class: "file", href: url, download: file.filename }, icon("file"),
    el("span", {}, el("b", { text: file.filename }), el("span", { class: "size", text: size })));
}

async function press(node, message, custom_id) {
  if (node.dataset.state === "loading") return;
  node.dataset.state = "loading";
  node.setAttribute("aria-busy", "true");
  fail(message, false);
  try {
    const outcome = await post("/page/click", { message, custom_id });
    if (outcome.failure) fail(message, true);
  } catch {
    fail(message, true);
  } finally {
    node.dataset.state = "idle";
    node.removeAttribute("aria-busy");
  }
}

const failure = () => el("p", { class: "failed", role: "alert" }, icon("warn"), "This interaction failed");

function fail(message, failed) {
  const node = shown.get(message)?.node.querySelector(".body");
  node?.querySelector(".failed")?.remove();
  if (failed) node?.append(failure());
}

function reply(message) {
  const to = view.state.messages.find((candidate) => candidate.id === message.message_reference?.message_id);
  if (message.type !== 19 || !to) return "";
  const text = to.content || to.embeds[0]?.title || "Click to see attachment";
  return el("div", { class: "reply" }, avatar({ bot: true }), el("b", { text: to.author.username }),
    el("span", { class: "reply-text" }, ...markup(text.split("\n")[0], view.names)));
}

function draw(message, grouped) {
  const mentioned = message.mention_everyone || message.mentions.some((user) => user.id === view.self)
    || message.mention_roles.some((id) => view.state.members.find((member) => member.id === view.self)?.roles.includes(id));
  const loading = (message.flags & LOADING) !== 0;
  const body = el("div", { class: "body" });
  if (!grouped) {
    body.append(el("div", { class: "head" }, el("span", { class: "author", text: message.author.username }),
      el("span", { class: "app-tag" }, icon("check"), "APP"),
      el("time", { class: "at", datetime: message.timestamp, text: when(message.timestamp), title: new Date(message.timestamp).toLocaleString() })));
  }
  if (loading) {
    body.append(el("div", { class: "content thinking" }, el("span", { class: "dots" }, el("i"), el("i"), el("i")),
      `${message.author.username} is thinking…`));
  } else if (message.content) {
    const content = el("div", { class: "content" }, ...markup(message.content, view.names));
    if (message.edited_timestamp) content.append(edited(message));
    body.append(content);
  }
  body.append(...message.attachments.map(attachment), ...message.embeds.map(embed));
  if (message.components.length) {
    body.append(el("div", { class: "components" }, ...message.components.map((data) => component(data, message))));
  }
  if (message.edited_timestamp && !message.content) body.append(edited(message));
  if (message.failed) body.append(failure());
  if (message.ephemeral) {
    body.append(el("p", { class: "only-you" }, icon("eye"), "Only you can see this • ",
      el("button", { class: "as-link", type: "button", text: "Dismiss message", "data-dismiss": message.id,
        onclick: () => post("/page/dismiss", { message: message.id }).catch(() => {}) })));
  }
  return el("li", {
    class: ["message", grouped && "grouped", mentioned && "mentioned", message.ephemeral && "ephemeral"].filter(Boolean).join(" "),
    "data-message-id": message.id, "data-state": loading ? "loading" : message.ephemeral ? "ephemeral" : "posted",
  }, invocation(message) || reply(message), grouped ? el("time", { class: "side-at", datetime: message.timestamp, text:
    new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date(message.timestamp)) }) : avatar({ bot: true }), body);
}

const edited = (message) =>
  el("span", { class: "edited", text: " (edited)", title: new Date(message.edited_timestamp).toLocaleString() });

/** Show the messages that the acting member sees. */
export function drawMessages() {
  const scroll = $("scroll");
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  const nodes = [];
  let previous = null;
  let fresh = false;
  for (const message of view.state.messages) {
    const at = new Date(message.timestamp);
    const newDay = !previous || at.toDateString() !== new Date(previous.timestamp).toDateString();
    const grouped = !newDay && message.type === 0 && !message.ephemeral && !previous.ephemeral && !message.embeds.length
      && at - new Date(previous.timestamp) < GROUP_WINDOW;
    if (newDay) nodes.push(divider(at));
    const key = JSON.stringify([message, grouped, view.self, view.state.members, view.state.roles]);
    let entry = shown.get(message.id);
    fresh ||= !entry;
    if (entry?.key !== key) {
      const before = entry?.node;
      entry = { key, node: draw(message, grouped) };
      shown.set(message.id, entry);
      keepFocus(before, entry.node);
    }
    nodes.push(entry.node);
    previous = message;
  }
  const alive = new Set(view.state.messages.map((message) => message.id));
  for (const id of shown.keys()) if (!alive.has(id)) shown.delete(id);
  const list = $("messages");
  if (nodes.length !== list.children.length || nodes.some((node, index) => node !== list.children[index])) list.replaceChildren(...nodes);
  $("messages").querySelector("[data-refocus]")?.focus({ preventScroll: true });
  $("messages").querySelector("[data-refocus]")?.removeAttribute("data-refocus");
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  $("jump").hidden = atEnd || !(fresh || !$("jump").hidden);
}

/** A message that is drawn again while one of its buttons has the focus gives it to the same button. */
function keepFocus(before, after) {
  const focused = document.activeElement;
  if (!before?.contains(focused) || !focused.dataset.customId) return;
  const same = [...after.querySelectorAll("[data-custom-id]")].find((node) => node.dataset.customId === focused.dataset.customId);
  if (same) same.dataset.refocus = "";
  else $("messages").focus({ preventScroll: true });
}

const dividers = new Map();

function divider(at) {
  const key = at.toDateString();
  if (!dividers.has(key)) {
    const text = new Intl.DateTimeFormat(undefined, { dateStyle: "long" }).format(at);
    dividers.set(key, el("li", { class: "divider", role: "separator", "aria-label": text }, el("span", { text })));
  }
  return dividers.get(key);
}

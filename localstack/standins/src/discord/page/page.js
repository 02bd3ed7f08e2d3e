// The channel as one member sees it. The state comes whole: the first with the page, others over /events after each change.
import { drawComposer, startComposer } from "/command.js";
import { el, tick } from "/markup.js";
import { drawMessages } from "/message.js";
import { closeModal, drawModal, submitModal } from "/modal.js";
import { drawPeople } from "/people.js";
import { $, view } from "/store.js";

let source = null;

function become(id) {
  view.self = id;
  const url = new URL(location.href);
  url.searchParams.set("as", id);
  history.replaceState(null, "", url);
  if (!$("switcher-menu").hidden) $("switcher").focus();
  openMenu(false);
  connect();
}

function openMenu(open) {
  $("switcher-menu").hidden = !open;
  $("switcher").setAttribute("aria-expanded", String(open));
  if (open) ($("switcher-menu").querySelector('[aria-checked="true"]') ?? $("switcher-menu").querySelector("button"))?.focus();
}

function openDrawer(open) {
  $("app").classList.toggle("drawer-open", open);
  $("drawer").setAttribute("aria-expanded", String(open));
}

function drawFrame() {
  $("guild-name").textContent = view.state.guild.name;
  for (const id of ["channel-name", "channel-title"]) $(id).textContent = view.state.channel.name;
  $("welcome-name").textContent = `#${view.state.channel.name}`;
  document.title = `#${view.state.channel.name} | ${view.state.guild.name}`;
  const next = view.state.messages.length
    ? `This is the start of the #${view.state.channel.name} channel.`
    : `${view.state.bot.username} asks for decisions here. Nothing is waiting: send an alert to your webhook, and its card appears within seconds. `
      + "Then press a button; whom you act as is chosen in the corner. Or type / to see what else can be done here.";
  $("welcome-text").textContent = view.state.ready ? next : `${next} No interactions URL is set yet, so buttons cannot work.`;
  $("app").classList.toggle("empty", view.state.messages.length === 0);
  const { count, latest } = view.state.violations;
  $("violations").hidden = count === 0;
  $("violations").textContent = count === 1 ? "1 violation" : `${count} violations`;
  $("report-list").replaceChildren(...latest.map((entry) =>
    el("li", {}, el("b", { text: entry.place }), el("pre", {}, el("code", { text:
      typeof entry.problem === "string" ? entry.problem : JSON.stringify(entry.problem, null, 2) })))));
}

function show(next) {
  view.state = next;
  view.names = {
    users: new Map([...view.state.members.map((member) => [member.id, member.name]), [view.state.bot.id, view.state.bot.username]]),
    roles: new Map(view.state.roles.map((role) => [role.id, role])),
    channel: view.state.channel,
  };
  if (!view.state.members.some((member) => member.id === view.self) && view.state.members.length) become(view.state.members[0].id);
  drawFrame();
  drawPeople(become);
  drawMessages();
  drawModal();
  drawComposer();
}

function connect() {
  const opened = new WebSocket(`/events?member=${encodeURIComponent(view.self)}`);
  const before = source;
  source = opened;
  before?.close();
  opened.addEventListener("message", (event) => {
    if (opened !== source) return;
    show(JSON.parse(event.data));
    $("app").dataset.state = "live";
    $("offline").hidden = true;
  });
  opened.addEventListener("close", () => {
    if (opened !== source) return;
    $("app").dataset.state = "offline";
    $("offline").hidden = false;
    setTimeout(() => { if (opened === source) connect(); }, 2000);
  });
}

$("switcher").addEventListener("click", () => openMenu($("switcher-menu").hidden));
$("switcher-menu").addEventListener("keydown", (event) => {
  const entries = [...$("switcher-menu").querySelectorAll("button")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    entries[(entries.indexOf(document.activeElement) + step + entries.length) % entries.length]?.focus();
  } else if (event.key === "Escape" || event.key === "Tab") {
    openMenu(false);
    if (event.key === "Escape") $("switcher").focus();
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".panel")) openMenu(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") openDrawer(false);
});
$("drawer").addEventListener("click", () => openDrawer(!$("app").classList.contains("drawer-open")));
$("self-corner").addEventListener("click", (event) => {
  event.stopPropagation();
  openDrawer(true);
  openMenu(true);
});
$("shade").addEventListener("click", () => openDrawer(false));
$("jump").addEventListener("click", () => { $("scroll").scrollTop = $("scroll").scrollHeight; });
$("scroll").addEventListener("scroll", () => {
  const { scrollHeight, scrollTop, clientHeight } = $("scroll");
  if (scrollHeight - scrollTop - clientHeight < 80) $("jump").hidden = true;
});
$("violations").addEventListener("click", () => $("report").showModal());
$("report-close").addEventListener("click", () => $("report").close());
$("modal-form").addEventListener("submit", submitModal);
$("modal-close").addEventListener("click", closeModal);
$("modal-cancel").addEventListener("click", closeModal);
$("modal").addEventListener("cancel", (event) => {
  event.preventDefault();
  closeModal();
});
startComposer();
setInterval(() => tick(document), 1000);
show(JSON.parse($("state").textContent));
if (!source) connect();

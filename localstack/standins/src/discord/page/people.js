// Members: pictures, roles, the switcher at the bottom left, the list at the right.
import { el, icon } from "/markup.js";
import { $, view } from "/store.js";

const COLOURS = ["#5865f2", "#3ba55c", "#eb459e", "#faa61a", "#9b59b6", "#1abc9c"];

/** A member's picture, or the bot's. */
export function avatar(member) {
  const node = el("span", { class: "avatar", "aria-hidden": "true" });
  if (member.bot) {
    node.classList.add("bot");
    node.append(icon("shield"));
  } else {
    node.textContent = [...member.name][0]?.toUpperCase() ?? "?";
    const sum = [...member.id].reduce((total, digit) => total * 3 + Number(digit), 0);
    node.style.setProperty("--avatar", COLOURS[sum % COLOURS.length]);
  }
  return node;
}

const roleOf = (id) => view.names.roles.get(id) ?? { id, name: id, colour: "#000000" };
const colourOf = (member) => member.roles.map(roleOf).find((role) => role.colour !== "#000000")?.colour;

function rolePill(role) {
  const dot = el("span", { class: "dot" });
  dot.style.setProperty("--role", role.colour === "#000000" ? "#99aab5" : role.colour);
  return el("span", { class: "role", "data-role-id": role.id }, dot, role.name);
}

/** Show everyone; `become` is called with the id of a member who is chosen. */
export function drawPeople(become) {
  const member = view.state.members.find((candidate) => candidate.id === view.self);
  $("switcher").dataset.memberId = view.self;
  $("self-corner").replaceChildren(member ? avatar(member) : "");
  $("self-avatar").replaceWith(Object.assign(member ? avatar(member) : el("span", { class: "avatar" }), { id: "self-avatar" }));
  $("self-name").textContent = member?.name ?? "Nobody";
  $("self-roles").textContent = member?.roles.map((id) => roleOf(id).name).join(", ") || "no roles";
  $("switcher").setAttribute("aria-label", `Acting as ${member?.name ?? "nobody"}. Switch member`);

  const entries = view.state.members.map((candidate) =>
    el(
      "button",
      {
        class: "entry", type: "button", role: "menuitemradio", "aria-checked": String(candidate.id === view.self),
        "data-member-id": candidate.id, onclick: () => become(candidate.id),
      },
      avatar(candidate),
      el("span", { class: "entry-text" }, el("span", { class: "entry-name", text: candidate.name }),
        el("span", { class: "roles" }, ...(candidate.roles.length ? candidate.roles.map((id) => rolePill(roleOf(id))) : ["no roles"]))),
      candidate.id === view.self ? icon("check") : "",
    ),
  );
  const redraw = JSON.stringify([view.state.members, view.state.roles, view.self]);
  if ($("switcher-menu").dataset.key !== redraw) {
    $("switcher-menu").dataset.key = redraw;
    $("switcher-menu").replaceChildren(el("p", { class: "menu-title", text: "Act as" }), ...entries);
    drawMemberList();
  }
}

function drawMemberList() {
  const groups = new Map();
  for (const member of view.state.members) {
    const top = member.roles.length ? roleOf(member.roles[0]).name : "Online";
    groups.set(top, [...(groups.get(top) ?? []), member]);
  }
  const row = (member, colour, tag) => {
    const name = el("span", { class: "member-name", text: member.name });
    if (colour) name.style.setProperty("color", colour);
    return el("li", {}, avatar(member), name, tag ?? "");
  };
  const lists = [...groups].map(([name, members]) =>
    el("section", {}, el("h2", { text: `${name} — ${members.length}` }),
      el("ul", {}, ...members.map((member) => row(member, colourOf(member))))));
  const bot = { id: view.state.bot.id, name: view.state.bot.username, bot: true };
  lists.push(el("section", {}, el("h2", { text: "Apps — 1" }), el("ul", {}, row(bot, null, el("span", { class: "app-tag", text: "APP" })))));
  $("members").replaceChildren(...lists);
}

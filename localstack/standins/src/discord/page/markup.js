// Discord's markup as DOM nodes. Text only ever becomes a text node, so nothing in a message can become an element.

/** @param {string} tag @param {object} [props] @param {...(Node|string)} children */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** An icon of the page's own sprite. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

const FORMATS = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function relative(unix) {
  const seconds = unix - Date.now() / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[5];
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

function timeText(unix, style) {
  if (style === "R") return relative(unix);
  return new Intl.DateTimeFormat(undefined, FORMATS[style] ?? FORMATS.f).format(unix * 1000);
}

function timestamp(unix, style) {
  const at = new Date(unix * 1000);
  if (Number.isNaN(at.getTime())) return document.createTextNode("Invalid date");
  return el("time", {
    class: "stamp", datetime: at.toISOString(), title: timeText(unix, "F"), text: timeText(unix, style),
    "data-unix": unix, "data-style": style,
  });
}

/** Bring the relative timestamps below `root` up to date. */
export function tick(root) {
  for (const node of root.querySelectorAll('time[data-style="R"]')) {
    const text = relative(Number(node.dataset.unix));
    if (node.textContent !== text) node.textContent = text;
  }
}

function pill(text, colour, extra = {}) {
  const node = el("span", { class: "mention", text, ...extra });
  if (colour && colour !== "#000000") {
    node.style.setProperty("--pill", colour);
    node.classList.add("coloured");
  }
  return node;
}

function user(id, names) {
  const known = names.users.get(id);
  return pill(`@${known ?? "unknown-user"}`, null, { "data-user-id": id });
}

function role(id, names) {
  const known = names.roles.get(id);
  return pill(`@${known?.name ?? "deleted-role"}`, known?.colour, { "data-role-id": id });
}

function spoiler(children) {
  const open = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    node.dataset.state = "open";
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
  };
  const node = el(
    "span",
    { class: "spoiler", "data-state": "closed", role: "button", tabindex: 0, "aria-label": "Spoiler", onclick: open, onkeydown: open },
    el("span", {}, ...children),
  );
  return node;
}

function link(url, children) {
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, ...children);
}

// Each rule: a pattern anchored at the start, and what it makes. Tried in order at every position.
const INLINE = [
  [/^\\([^\w\s])/, (m) => [m[1]]],
  [/^<@!?(\d{1,20})>/, (m, names) => [user(m[1], names)]],
  [/^<@&(\d{1,20})>/, (m, names) => [role(m[1], names)]],
  [/^<#(\d{1,20})>/, (m, names) => [pill(`#${m[1] === names.channel.id ? names.channel.name : "unknown"}`)]],
  [/^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, (m) => [timestamp(Number(m[1]), m[2] ?? "f")]],
  [/^@(everyone|here)\b/, (m) => [pill(m[0])]],
  [/^\|\|([^]+?)\|\|/, (m, names) => [spoiler(inline(m[1], names))]],
  [/^\*\*\*([^]+?)\*\*\*(?!\*)/, (m, names) => [el("strong", {}, el("em", {}, ...inline(m[1], names)))]],
  [/^\*\*([^]+?)\*\*(?!\*)/, (m, names) => [el("strong", {}, ...inline(m[1], names))]],
  [/^__([^]+?)__(?!_)/, (m, names) => [el("u", {}, ...inline(m[1], names))]],
  [/^~~([^]+?)~~/, (m, names) => [el("s", {}, ...inline(m[1], names))]],
  [/^\*(?=\S)([^*]+?)(?<=\S)\*(?!\*)/, (m, names) => [el("em", {}, ...inline(m[1], names))]],
  [/^_(?=\S)([^_]+?)_(?![\w_])/, (m, names) => [el("em", {}, ...inline(m[1], names))]],
  [/^\[([^\]\n]{1,200})\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m, names) => [link(m[2], inline(m[1], names))]],
  [/^<(https?:\/\/[^\s>]+)>/, (m) => [link(m[1], [m[1]])]],
  [/^https?:\/\/[^\s<]+[^\s<.,:;"')\]*_~|]/, (m) => [link(m[0], [m[0]])]],
];
/** A code span at the start of `text`: [nodes, characters used]. Backticks that close nothing are text. */
function codeSpan(text) {
  const ticks = /^`+/.exec(text)[0].length;
  for (const run of text.matchAll(/`+/g)) {
    if (run.index === 0 || run[0].length !== ticks) continue;
    const code = text.slice(ticks, run.index);
    const bare = code.replace(/^ (?=`)/, "").replace(/(?<=`) $/, "");
    return [[el("code", { class: "inline", text: bare })], run.index + ticks];
  }
  return [[document.createTextNode(text.slice(0, ticks))], ticks];
}

const PLAIN = /^(?:[A-Za-z0-9 ,.;!?()\/-](?!ttps?:\/\/))+/;

function inline(text, names) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
  };
  scan: while (text) {
    if (text[0] === "`") {
      const [made, used] = codeSpan(text);
      flush();
      nodes.push(...made);
      text = text.slice(used);
      continue;
    }
    for (const [pattern, make] of INLINE) {
      const match = pattern.exec(text);
      if (match) {
        flush();
        nodes.push(...make(match, names));
        text = text.slice(match[0].length);
        continue scan;
      }
    }
    const run = PLAIN.exec(text)?.[0] ?? text[0];
    plain += run;
    text = text.slice(run.length);
  }
  flush();
  return nodes;
}

function line(text, names) {
  const heading = /^(#{1,3}) +(\S.*)$/.exec(text);
  if (heading) return el("div", { class: `h h${heading[1].length}` }, ...inline(heading[2], names));
  const small = /^-# +(\S.*)$/.exec(text);
  if (small) return el("div", { class: "subtext" }, ...inline(small[1], names));
  const quote = /^> ?(.*)$/.exec(text);
  if (quote) return el("div", { class: "quote" }, ...inline(quote[1], names));
  const item = /^( *)[-*] +(\S.*)$/.exec(text);
  if (item) return el("div", { class: item[1] ? "item nested" : "item" }, ...inline(item[2], names));
  return null;
}

const BLOCK_LINE = /^(?:#{1,3} |-# |> ?| *[-*] +\S)/;

function blocks(text, names) {
  const nodes = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(...inline(paragraph.join("\n"), names));
    paragraph = [];
  };
  const lines = text.split("\n");
  lines.forEach((current, index) => {
    const block = BLOCK_LINE.test(current) ? line(current, names) : null;
    if (block) {
      flush();
      nodes.push(block);
    } else {
      paragraph.push(current);
      if (index + 1 < lines.length && !BLOCK_LINE.test(lines[index + 1])) return;
      flush();
    }
  });
  return nodes;
}

/** Discord's markup in `text` as nodes. `names` resolves ids: {users: Map, roles: Map, channel}. */
export function markup(text, names) {
  const nodes = [];
  for (let rest = text; ; ) {
    const start = rest.indexOf("```");
    const end = start < 0 ? -1 : rest.indexOf("```", start + 3);
    const code = end < 0 ? "" : fenced(rest.slice(start + 3, end));
    if (!code) {
      nodes.push(...blocks(rest, names));
      return nodes;
    }
    nodes.push(...blocks(rest.slice(0, start).replace(/\n$/, ""), names));
    nodes.push(el("pre", { tabindex: 0, "aria-label": "Code" }, el("code", { text: code })));
    rest = rest.slice(end + 3).replace(/^\n/, "");
  }
}

/** What stands between two fences, without a language's name and without empty lines around it. */
function fenced(inside) {
  const lines = inside.split("\n");
  if (lines.length > 1 && /^[A-Za-z0-9_+-]+$/.test(lines[0])) lines.shift();
  while (lines.length && lines[0] === "") lines.shift();
  while (lines.length && lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}

//! The strings: the same ones at each run, built from pieces that mean something to Discord, broken, nested and repeated.

/// Each class is a way of doing something with text alone.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "mention",
        &[
            "@everyone",
            "@here",
            "<@80351110224678912>",
            "<@!80351110224678912>",
            "<@&165511591545143296>",
            "<#103735883630395392>",
        ],
    ),
    (
        "command",
        &[
            "</airhorn:816437322781949972>",
            "</vyrox setup:816437322781949972>",
            "<id:customize>",
            "<id:browse>",
            "<id:guide>",
        ],
    ),
    (
        "link",
        &[
            "[invoice](https://evil.example/x)",
            "[a](<http://e.example>)",
            "https://evil.example/?q=1",
            "<https://evil.example>",
            "http://[::1]/",
            "HTTPS://E.EXAMPLE",
            "[x]( http://e.example \"title\")",
            "discord.gg/evil",
            "www.evil.example",
            "[![i](http://e.example/i.png)](http://e.example)",
            "steam://run/1",
            "mailto:a@e.example",
            "tel:+1555",
        ],
    ),
    ("heading", &["# head", "\n## head\n", "\n### head", "-# small", "\n-# small\n", "\n# ", "#"]),
    ("quote", &["> quoted", "\n> quoted\n", ">>> all of it", "\n>>> all of it", ">"]),
    ("list", &["- item", "\n- item\n- item", "\n* item", "\n1. item", "\n  - nested"]),
    ("spoiler", &["||hidden||", "||", "|| ||", "||**b**||"]),
    ("emphasis", &["**b**", "*i*", "_i_", "__u__", "***bi***", "~~s~~", "_**__~~x~~__**_", "**", "*", "_", "__", "~~"]),
    (
        "emoji",
        &[
            ":smile:",
            "<:dot:816437322781949972>",
            "<a:dot:816437322781949972>",
            "\u{1f600}",
            ":+1:",
            "\u{1f469}\u{200d}\u{1f4bb}",
        ],
    ),
    ("time", &["<t:1618953630>", "<t:1618953630:R>", "<t:-1:F>", "<t:0:d>"]),
    (
        "code",
        &[
            "`code`",
            "``co`de``",
            "```\nblock\n```",
            "```rust\nblock\n```",
            "```",
            "``",
            "`",
            "````",
            "`\n`",
            "```x```",
            "~~~\nblock\n~~~",
        ],
    ),
    ("escape", &["\\", "\\\\", "\\*", "\\`", "\\\n", "\\[", "\\<", "\\@"]),
    ("bidi", &["\u{202e}txet", "\u{202d}", "\u{2066}x\u{2069}", "\u{200f}", "\u{61c}", "\u{202a}exe.\u{202c}"]),
    (
        "invisible",
        &[
            "\u{200b}",
            "\u{200d}",
            "\u{feff}",
            "\u{ad}",
            "\u{2060}",
            "\u{3164}",
            "\u{e0041}",
            "\u{fe0f}",
            "\u{115f}",
            "@\u{200b}everyone",
            "\u{2800}",
        ],
    ),
    ("surrogate", &["\\ud83d", "\\ud83d\\ude00", "\\udc00", "\\u202e", "\u{fffd}", "%ED%A0%80", "&#xD800;"]),
    (
        "control",
        &[
            "\u{0}",
            "\u{7}",
            "\u{8}",
            "\u{1b}[31m",
            "\u{1b}]8;;http://e.example\u{7}x\u{1b}]8;;\u{7}",
            "\r",
            "\r\n",
            "\n",
            "\t",
            "\u{85}",
            "\u{2028}",
        ],
    ),
    (
        "markup",
        &["<b>x</b>", "<script>alert(1)</script>", "&lt;@1&gt;", "&#64;everyone", "{{x}}", "$(x)", "<!--", "]]>"],
    ),
    ("brackets", &["[", "]", "(", ")", "<", ">", "](", "](http://e.example)", "[x", "<@", "<#", "<:", "<t:", "</"]),
    (
        "text",
        &[
            "powershell -enc SQBFAFgA",
            "C:\\Windows\\System32\\cmd.exe",
            "a",
            " ",
            "  ",
            "zażółć",
            "日本語",
            "עברית",
            "1.",
            "-",
            "+",
            ":",
            "://",
        ],
    ),
];

/// SplitMix64: small, seeded, the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn piece(&mut self) -> &'static str {
        let pieces = CLASSES[self.below(CLASSES.len())].1;
        pieces[self.below(pieces.len())]
    }
}

/// So many different strings. The first are every piece by itself and in the middle of words.
pub(crate) fn strings(count: usize) -> Vec<String> {
    let mut chance = Chance(0x76_79_72_6f_78);
    let mut made = std::collections::BTreeSet::new();
    let mut strings = Vec::with_capacity(count);
    let alone = CLASSES.iter().flat_map(|(_, pieces)| pieces.iter());
    let mut first: Vec<String> = alone.flat_map(|piece| [(*piece).to_owned(), format!("a {piece} b")]).collect();
    first.reverse();
    while strings.len() < count {
        let string = first.pop().unwrap_or_else(|| one(&mut chance));
        if made.insert(string.clone()) {
            strings.push(string);
        }
    }
    strings
}

fn one(chance: &mut Chance) -> String {
    let mut string = String::new();
    for _ in 0..=chance.below(7) {
        let piece = chance.piece();
        match chance.below(10) {
            // A long run.
            0 => string.push_str(&piece.repeat(2 + chance.below(60))),
            // Nested in another piece, in its middle.
            1 | 2 => {
                let outer: Vec<char> = chance.piece().chars().collect();
                let middle = outer.len() / 2;
                string.extend(&outer[..middle]);
                string.push_str(piece);
                string.extend(&outer[middle..]);
            }
            // Broken off.
            3 => string.extend(piece.chars().take(1 + chance.below(4))),
            // Between a pair of marks.
            4 => {
                let mark = ["**", "||", "`", "```", "__", "~~", "*", "\n"][chance.below(8)];
                string.push_str(&[mark, piece, mark].concat());
            }
            // Escaped by the attacker.
            5 => string.push_str(&format!("\\{piece}")),
            _ => string.push_str(piece),
        }
        if chance.below(3) == 0 {
            string.push(' ');
        }
    }
    string
}

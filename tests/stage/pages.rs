//! The documents as tests read them: every page, its fenced blocks, the commands in those.

use std::path::{Path, PathBuf};

/// The language of a block whose lines are commands.
const COMMANDS: &str = "sh";

/// The repository's root.
///
/// # Panics
/// Never: this crate lies in a folder of it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the repository").to_owned()
}

/// The files with this ending, by their paths from the root; what builds and downloads is left aside.
///
/// # Panics
/// A folder cannot be read.
#[must_use]
pub fn files(ending: &str) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the repository can be read") {
            let path = entry.expect("the repository can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "book"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its path from the root.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// What stands between two fences, without their indentation.
#[derive(Debug)]
pub struct Block {
    /// The first line's number.
    pub line: usize,
    /// What its fence says; empty if that says nothing.
    pub language: String,
    /// Its lines.
    pub text: String,
}

impl Page {
    /// The page at this path from the root.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// Every page but the changelog, which tells of commands that were.
    #[must_use]
    pub fn all() -> Vec<Self> {
        files(".md").iter().filter(|path| *path != "CHANGELOG.md").map(|path| Self::read(path)).collect()
    }

    /// Its fenced blocks.
    ///
    /// # Panics
    /// The last one does not end.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let (mut found, mut open) = (Vec::new(), None::<(Block, usize)>);
        for (number, line) in self.text.lines().enumerate() {
            let content = line.trim_start();
            match (content.strip_prefix("```"), open.take()) {
                (Some(language), None) => {
                    let block = Block { line: number + 2, language: language.trim().to_owned(), text: String::new() };
                    open = Some((block, line.len() - content.len()));
                }
                (Some(_), Some((block, _))) => found.push(block),
                (None, Some((mut block, indentation))) => {
                    let spaces = line.len() - content.len();
                    block.text.push_str(&line[spaces.min(indentation)..]);
                    block.text.push('\n');
                    open = Some((block, indentation));
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block does not end", self.path);
        found
    }

    /// Its lines outside of blocks.
    #[must_use]
    pub fn prose(&self) -> String {
        let mut is_code = false;
        let lines = self.text.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What stands between backticks in its prose.
    #[must_use]
    pub fn spans(&self) -> Vec<String> {
        self.prose().replace('\n', " ").split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

impl Block {
    /// Whether its lines are commands.
    #[must_use]
    pub fn is_commands(&self) -> bool {
        self.language == COMMANDS
    }

    /// Its commands, each with its line's number: continued lines joined, without comments.
    #[must_use]
    pub fn commands(&self) -> Vec<(usize, String)> {
        let (mut found, mut begun) = (Vec::new(), None::<(usize, String)>);
        for (index, line) in self.text.lines().enumerate() {
            let (number, before) = begun.take().unwrap_or((self.line + index, String::new()));
            let command = before + without_comment(line).trim();
            match command.strip_suffix('\\') {
                Some(whole) => begun = Some((number, whole.to_owned())),
                None if command.is_empty() => {}
                None => found.push((number, command)),
            }
        }
        found
    }
}

/// A line up to the comment at its end, as a shell reads it.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('#', None) if before == ' ' => return &line[..at],
            _ => {}
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Page, without_comment};

    fn page(text: &str) -> Page {
        Page { path: "page.md".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn blocks_have_their_languages_lines_and_commands() {
        let page = page(
            "Some `span` of\n```\nplain\n```\n1. List\n\n   ```sh\n   one --two \\\n     three # said\n\n   # four\n   five\n   ```\n`vyroxctl x`\n",
        );
        let blocks = page.blocks();
        let shape: Vec<_> = blocks.iter().map(|block| (block.line, block.language.as_str())).collect();
        assert_eq!(shape, [(3, ""), (8, "sh")]);
        let commands = [(8, "one --two three".to_owned()), (12, "five".to_owned())];
        assert_eq!(blocks[1].commands(), commands);
        assert!(blocks[1].is_commands() && !blocks[0].is_commands());
        assert_eq!(page.spans(), ["span", "vyroxctl x"]);
        assert!(!page.prose().contains("five"));
    }

    #[test]
    #[should_panic(expected = "a block does not end")]
    fn a_block_without_an_end_is_a_mistake() {
        let _ = page("```sh\none\n").blocks();
    }

    #[test]
    fn a_comment_is_no_part_of_a_command() {
        let lines = [("a '#b' c#d # e", "a '#b' c#d "), ("# all", ""), ("${A#b}", "${A#b}")];
        for (line, command) in lines {
            assert_eq!(without_comment(line), command);
        }
    }
}

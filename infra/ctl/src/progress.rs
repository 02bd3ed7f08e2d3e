//! How far long work has got: one line on standard error, if that is a terminal, gone when the work is done.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// Of so many items that are, for example, "compared".
pub(crate) fn of(total: u64, done: &'static str) -> ProgressBar {
    shown(ProgressBar::new(total), "{human_pos} of {human_len} items {msg}, about {eta} left", done)
}

/// Of as many as there are, for example "entries verified".
pub(crate) fn so_far(done: &'static str) -> ProgressBar {
    shown(ProgressBar::no_length(), "{human_pos} {msg} in {elapsed}", done)
}

fn shown(bar: ProgressBar, line: &str, done: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(line).expect("the keys are indicatif's");
    bar.with_style(style).with_message(done).with_finish(ProgressFinish::AndClear)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    fn last_line(bar: ProgressBar, position: u64) -> String {
        let terminal = InMemoryTerm::new(3, 80);
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        bar.set_position(position);
        bar.force_draw();
        let shown = terminal.contents();
        drop(bar);
        assert_eq!(terminal.contents(), "", "nothing is left of it");
        shown
    }

    #[test]
    fn what_is_shown_says_how_far_and_is_gone_afterwards() {
        let counted = last_line(of(101_530, "compared"), 12_000);
        assert!(counted.starts_with("12,000 of 101,530 items compared, about "), "{counted}");
        let uncounted = last_line(so_far("entries verified"), 1_500);
        assert!(uncounted.starts_with("1,500 entries verified in "), "{uncounted}");
    }
}

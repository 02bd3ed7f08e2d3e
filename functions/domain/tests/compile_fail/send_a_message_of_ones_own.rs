//! Other words on a message than those that a renderer of ours has drawn.

use vyrox_domain::card::Message;
use vyrox_domain::text::Shown;

fn write(message: &mut Message, words: Shown) {
    message.content = words;
}

fn main() {}

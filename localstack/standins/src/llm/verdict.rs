//! The "model": words that raise, words that lower.

use serde_json::{Value, json};

/// What raises: the word, per cent of suspicion, the technique it stands for.
const RAISE: &[(&str, i64, &str)] = &[
    ("mimikatz", 60, "T1003.001"),
    ("lsass", 45, "T1003.001"),
    ("encodedcommand", 40, "T1059.001"),
    (" -enc ", 40, "T1059.001"),
    ("vssadmin delete", 60, "T1490"),
    ("invoke-expression", 30, "T1059.001"),
    ("downloadstring", 30, "T1105"),
    ("certutil", 25, "T1105"),
    ("psexec", 25, "T1569.002"),
    ("rundll32", 20, "T1218.011"),
    ("ransom", 50, "T1486"),
];

/// What lowers.
const LOWER: &[(&str, i64)] = &[
    ("benign", 25),
    ("backup", 20),
    ("signed by microsoft", 25),
    ("windows update", 25),
    ("false positive", 25),
    ("eicar", 20),
];

/// An answer by the words in the prompt, the same for the same prompt.
pub(super) fn sensible(prompt: &str) -> Value {
    let prompt = prompt.to_lowercase();
    let raised: Vec<_> = RAISE.iter().filter(|(word, _, _)| prompt.contains(word)).collect();
    let lowered: Vec<_> = LOWER.iter().filter(|(word, _)| prompt.contains(word)).collect();
    let score: i64 = 35 + raised.iter().map(|(_, weight, _)| weight).sum::<i64>()
        - lowered.iter().map(|(_, weight)| weight).sum::<i64>();
    let score = score.clamp(2, 97);
    let (verdict, action) = match score {
        90.. => ("CRITICAL", "quarantine"),
        70..90 => ("HIGH", "quarantine"),
        35..70 => ("MEDIUM", "escalate"),
        15..35 => ("LOW", "monitor"),
        _ => ("BENIGN", "monitor"),
    };
    let mut techniques: Vec<&str> = raised.iter().map(|(_, _, technique)| *technique).collect();
    techniques.sort_unstable();
    techniques.dedup();
    let words: Vec<&str> =
        raised.iter().map(|(word, _, _)| word.trim()).chain(lowered.iter().map(|(word, _)| *word)).collect();
    let reasoning = if words.is_empty() {
        "Nothing in the alert speaks clearly for or against malice.".to_owned()
    } else {
        format!("The alert mentions {}.", words.join(", "))
    };
    answer(verdict, score, &reasoning, &techniques, action)
}

pub(super) fn answer(verdict: &str, per_cent: i64, reasoning: &str, techniques: &[&str], action: &str) -> Value {
    let confidence = f64::from(i32::try_from(per_cent).unwrap_or(0)) / 100.0;
    json!({"verdict": verdict, "confidence": confidence, "reasoning": reasoning, "mitre_techniques": techniques, "suggested_action": action})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_raise_and_lower() {
        for (prompt, verdict, action) in [
            ("mimikatz.exe read LSASS memory", "CRITICAL", "quarantine"),
            ("powershell -EncodedCommand SQBFAFgA", "HIGH", "quarantine"),
            ("notepad.exe opened a file", "MEDIUM", "escalate"),
            ("the nightly backup ran", "LOW", "monitor"),
            ("the backup agent, signed by Microsoft", "BENIGN", "monitor"),
        ] {
            let answer = sensible(prompt);
            assert_eq!(
                (&answer["verdict"], &answer["suggested_action"]),
                (&json!(verdict), &json!(action)),
                "{prompt}"
            );
        }
        assert_eq!(sensible("mimikatz lsass")["mitre_techniques"], json!(["T1003.001"]));
    }
}

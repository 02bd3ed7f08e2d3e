use crate::stand::said;
use std::process::Stdio;
use tokio::process::Command;

async fn run(arguments: &[&str]) -> crate::stand::Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    // No deployment is needed: nothing is in the environment.
    said(command.args(arguments).env_clear().stdin(Stdio::null()).output().await.unwrap())
}

#[tokio::test]
async fn shells_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).await;
        assert_eq!(script.code, 0, "{script:?}");
        for word in ["vyroxctl", "redrive", "replay", "doctor"] {
            assert!(script.out.contains(word), "{word} for {shell}");
        }
    }
    run(&["completions", "cmd"]).await.refused(2, "possible values");
}

#[tokio::test]
async fn bash_completes_with_the_script() {
    let script = run(&["completions", "bash"]).await.out;
    let asked = format!(
        "{script}\nCOMP_WORDS=(vyroxctl dlq re); COMP_CWORD=2; _vyroxctl vyroxctl re dlq; echo \"${{COMPREPLY[@]}}\""
    );
    let Ok(output) = Command::new("bash").args(["--norc", "-c", &asked]).output().await else { return };
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "redrive", "{:?}", String::from_utf8(output.stderr));
}

#[tokio::test]
async fn there_is_a_manual_page_for_each_command() {
    let first = run(&["man"]).await;
    assert!(first.code == 0 && first.out.contains(".TH vyroxctl 1"), "{first:?}");
    let folder = tempfile::tempdir().unwrap();
    run(&["man", "--dir", folder.path().to_str().unwrap()]).await;
    let pages: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in ["vyroxctl.1", "vyroxctl-dlq.1", "vyroxctl-dlq-redrive.1", "vyroxctl-export.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} in {pages:?}");
    }
}

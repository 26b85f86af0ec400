//! Running PostgreSQL's own programs.

use std::ffi::OsStr;
use std::process::Command;

/// The most of a program's output that is shown in an error.
const OUTPUT_BYTES_MAX: usize = 4096;

/// A command with a clean environment, in a folder that everyone may enter.
///
/// The environment is cleared because the server may run as another user, who has no business with the secrets in ours
/// (AWS keys), and because `PGDATA`, `PGOPTIONS` and their like would change what the programs do.
pub(crate) fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The end of a program's output, on one line.
pub(crate) fn output_end(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(&output[output.len().saturating_sub(OUTPUT_BYTES_MAX)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// Quotes a word for a POSIX shell, if it needs that.
pub(crate) fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_survive_a_shell() {
        for word in ["plain/word-1", "", "two words", "it's", "$HOME `id` \"x\" \\ *"] {
            let output =
                clean_command("sh").arg("-c").arg(format!("printf %s {}", shell_quoted(word))).output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), word);
        }
    }

    #[test]
    fn the_environment_is_not_handed_on() {
        let output = clean_command("sh").arg("-c").arg("env; pwd").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Cargo sets this one for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() || std::env::var_os("HOME").is_some());
        assert!(!text.contains("CARGO_MANIFEST_DIR") && !text.contains("HOME="), "{text}");
        assert!(text.ends_with("\n/\n"), "{text}");
    }
}

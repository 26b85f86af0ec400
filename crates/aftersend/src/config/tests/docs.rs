//! What people are told of settings: the pages, the example, the command line's help.

use clap::CommandFactory as _;

use super::{settle_file, shown};
use crate::{
    cli::Cli,
    config::keys::{self, About, Default},
};

const PAGE: &str = include_str!("../../../../../docs/configuration.md");
const EXAMPLE: &str = include_str!("../../../../../docs/aftersend.example.toml");

/// A key's row in the page's tables: without the last column, which says what it means.
fn row(about: &About) -> String {
    let quoted = |name: Option<&str>| name.map_or(String::new(), |name| format!("`{name}`"));
    let default = match about.default {
        Default::Fixed(value) => format!("`{value}`"),
        Default::Depends(words) => words.to_owned(),
    };
    format!("| `{}` | {default} | {} | {} |", about.name, quoted(about.flag), quoted(about.variable))
}

#[test]
fn the_page_lists_exactly_the_settings_that_there_are() {
    let mut is_listing = false;
    let mut listed: Vec<&str> = Vec::new();
    for line in PAGE.lines() {
        is_listing = line.starts_with("| key |") || is_listing && line.starts_with('|');
        listed.extend(Some(line).filter(|_| is_listing && line.starts_with("| `")));
    }
    let expected: Vec<String> = keys::ALL.iter().map(|about| row(about)).collect();
    for (line, row) in listed.iter().zip(&expected) {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let row = row.split_whitespace().collect::<Vec<_>>().join(" ");
        let meaning = line.strip_prefix(&row).unwrap_or_else(|| panic!("{line}\nshould begin with\n{row}"));
        assert!(meaning.len() > 10, "{line} says nothing");
    }
    assert_eq!(listed.len(), expected.len());
}

#[test]
fn the_example_can_be_used_as_it_is_and_with_everything_in_it() {
    settle_file(EXAMPLE).unwrap();
    // A key that is commented out stands right behind the sign, a sentence does not.
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
        _ => line,
    });
    let complete: Vec<&str> = lines.filter(|line| !line.starts_with("data_dir")).collect();
    let settings = settle_file(&complete.join("\n")).unwrap();
    assert!(settings.queues.len() > 1);
    for about in keys::ALL {
        let (table, key) = about.table_and_key();
        let shown_as = match table {
            Some("queue") => format!("queue.{}.{key}", settings.queues[1].name),
            _ => about.name.to_owned(),
        };
        let (_, source) = shown(&settings, &shown_as);
        // One of the two that name a database must stay away.
        let is_there = source != "default" || key == "data_dir" && EXAMPLE.contains("\n#data_dir = ");
        assert!(is_there, "{} is not in the example", about.name);
        // Beside a default stands that default.
        if let Default::Fixed(value) = about.default {
            let line = complete.iter().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            assert!(line.contains(value), "{line}");
        }
    }
}

#[test]
fn the_help_of_each_flag_names_its_variable_and_its_default() {
    let mut program = Cli::command();
    program.build();
    let mut arguments: Vec<clap::Arg> = Vec::new();
    let mut commands = vec![&program];
    while let Some(command) = commands.pop() {
        arguments.extend(command.get_arguments().cloned());
        commands.extend(command.get_subcommands());
    }
    for about in keys::ALL {
        let Some(flag) = about.flag else { continue };
        let mut of_this = arguments
            .iter()
            .filter(|argument| argument.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long)))
            .peekable();
        assert!(of_this.peek().is_some(), "no command has {flag}");
        for argument in of_this {
            let help = argument.get_long_help().or(argument.get_help()).unwrap().to_string();
            let variable = format!("[env: {}]", about.variable.unwrap());
            assert!(help.contains(&variable), "{flag}: {help}");
            if let Default::Fixed(value) = about.default {
                assert!(help.contains(&format!("[default: {value}]")), "{flag}: {help}");
            }
        }
    }
}

//! A value as somebody wrote it, and how it is read.

/// A value of the configuration file, with as much of TOML as settings need.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
    /// Of texts alone.
    Texts(Vec<String>),
    /// Anything else; its name with an article, for a sentence.
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Truth(_) => "true or false",
            Self::Texts(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// A value, wherever it stands.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    /// In a variable or among the defaults, where everything is text.
    Text(&'a str),
    /// In the configuration file, where a number is no text.
    File(&'a Value),
}

impl<'a> Raw<'a> {
    /// The text; not empty, since no setting means anything by that.
    pub(super) fn text(self) -> Result<&'a str, String> {
        let text = match self {
            Self::Text(text) => text,
            Self::File(Value::Text(text)) => text,
            Self::File(other) => return Err(format!("it should be a text in quotes, not {}", other.kind())),
        };
        if text.trim().is_empty() {
            return Err("it is empty; leave the key out instead".to_owned());
        }
        Ok(text)
    }

    /// A list of texts, of which none is empty: in the file a list or one text, elsewhere with commas between.
    pub(super) fn texts(self) -> Result<Vec<&'a str>, String> {
        let texts: Vec<&str> = match self {
            Self::Text(text) => text.split(',').map(str::trim).collect(),
            Self::File(Value::Text(text)) => vec![text],
            Self::File(Value::Texts(texts)) => texts.iter().map(String::as_str).collect(),
            Self::File(other) => return Err(format!("it should be a list of texts, not {}", other.kind())),
        };
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err("one of its texts is empty; leave that out instead".to_owned());
        }
        Ok(texts)
    }

    /// `true` or `false`.
    pub(super) fn truth(self) -> Result<bool, String> {
        match self {
            Self::Text("true") | Self::File(Value::Truth(true)) => Ok(true),
            Self::Text("false") | Self::File(Value::Truth(false)) => Ok(false),
            Self::Text(text) => Err(format!("it should be true or false, not `{text}`")),
            Self::File(other) => Err(format!("it should be true or false, not {}", other.kind())),
        }
    }

    /// A whole number within bounds, both of which are possible.
    pub(super) fn number(self, least: usize, most: usize) -> Result<usize, String> {
        let number = match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::File(Value::Number(number)) => usize::try_from(*number).ok(),
            Self::File(_) => None,
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let found = match self {
                Self::Text(text) => format!("`{text}`"),
                Self::File(Value::Number(number)) => number.to_string(),
                Self::File(other) => other.kind().to_owned(),
            };
            format!("it should be a whole number from {least} to {most}, not {found}")
        })
    }
}

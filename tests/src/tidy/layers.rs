//! Who may use whom: the table of `docs/STYLE.md`, as data.

use super::paths::Reference;

/// A module of a crate's root, and the modules beside it that it may name.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// The crate's directory.
    pub krate: &'static str,
    /// The modules of this layer.
    pub modules: &'static [&'static str],
    /// What they may name, besides themselves; `*` is anything.
    pub below: &'static [&'static str],
}

/// Modules inside a layer that must not know others.
#[derive(Clone, Copy, Debug)]
pub struct Separate {
    /// The crate's directory.
    pub krate: &'static str,
    /// These, and what is in them,
    pub modules: &'static [&'static str],
    /// must not name these.
    pub never: &'static [&'static str],
}

/// The plain types of the engine.
const PLAIN: &[&str] = &[
    "ids", "flags", "record", "error", "limits", "clock", "uid_set", "columns", "image", "numbers",
];

/// The table.
pub const LAYERS: &[Layer] = &[
    // Doors for the fuzz targets, in fuzzing builds only.
    Layer { krate: "engine", modules: &["fuzzing"], below: &["format", "ids", "record"] },
    // The only place where log meets state.
    Layer { krate: "engine", modules: &["store"], below: &["*"] },
    Layer {
        krate: "engine",
        modules: &["log"],
        below: &["format", "io", "ids", "flags", "record", "error", "limits", "clock", "uid_set"],
    },
    // Search reads snapshots and messages.
    Layer {
        krate: "engine",
        modules: &["search"],
        below: &[
            "state", "message", "ids", "flags", "record", "error", "limits", "uid_set", "columns",
            "image",
        ],
    },
    // These do not know one another, and none of them reads a clock.
    Layer {
        krate: "engine",
        modules: &["format"],
        below: &[
            "ids", "flags", "record", "error", "limits", "uid_set", "columns", "image", "numbers",
        ],
    },
    Layer {
        krate: "engine",
        modules: &["state"],
        below: &[
            "ids", "flags", "record", "error", "limits", "uid_set", "columns", "image", "numbers",
        ],
    },
    Layer {
        krate: "engine",
        modules: &["message"],
        below: &["ids", "flags", "record", "error", "limits", "uid_set", "columns", "image"],
    },
    Layer { krate: "engine", modules: &["io"], below: &["ids", "error", "limits"] },
    Layer { krate: "engine", modules: PLAIN, below: PLAIN },
    // Arguments and wiring.
    Layer {
        krate: "server",
        modules: &["cli", "server", "listen", "admin", "control", "orders", "set_up", "fuzzing"],
        below: &["*"],
    },
    // The protocols do not know one another.
    Layer { krate: "server", modules: &["imap"], below: SHARED },
    Layer { krate: "server", modules: &["pop3"], below: SHARED },
    Layer { krate: "server", modules: &["smtp"], below: SHARED },
    Layer { krate: "server", modules: SHARED, below: SHARED },
];

/// What every protocol of the server stands on.
const SHARED: &[&str] = &[
    "accounts",
    "store_metrics",
    "auth",
    "authenticity",
    "calendar",
    "config",
    "context",
    "counts",
    "delivery",
    "directory",
    "dns",
    "filter",
    "helpers",
    "limits",
    "queue",
    "quota",
    "rates",
    "relay",
    "metrics",
    "private_file",
    "shutdown",
    "spool",
    "stream",
    "tls",
];

/// Separations inside layers.
pub const SEPARATE: &[Separate] = &[
    // Bytes to values and back: no session, no store, no socket.
    Separate {
        krate: "server",
        modules: &["imap::parse", "imap::encode", "imap::command", "imap::response"],
        never: &["imap::session", "imap::view", "imap::commands", "context", "stream", "delivery"],
    },
    Separate {
        krate: "server",
        modules: &["smtp::parse", "smtp::command", "smtp::reply"],
        never: &["smtp::session", "smtp::commands", "context", "stream", "delivery"],
    },
    Separate {
        krate: "server",
        modules: &["pop3::parse", "pop3::command", "pop3::reply"],
        never: &["pop3::session", "pop3::commands", "context", "stream", "delivery"],
    },
    Separate {
        krate: "server",
        modules: &["config", "tls", "shutdown", "directory", "metrics", "private_file"],
        never: &["context", "delivery", "stream"],
    },
];

impl Layer {
    /// What is wrong with a reference that a module of this crate makes.
    pub fn verdict(layers: &[Self], krate: &str, reference: &Reference) -> Option<String> {
        let from = head(&reference.from);
        let to = head(&reference.to);
        if from == to || from.is_empty() {
            return None;
        }
        let mut of_crate = layers.iter().filter(|layer| layer.krate == krate);
        let Some(layer) = of_crate.clone().find(|layer| layer.modules.contains(&from)) else {
            return Some(format!("{}: module {from} is in no layer", reference.place));
        };
        let is_module = of_crate.any(|layer| layer.modules.contains(&to));
        // A constant or a macro of the root itself.
        let is_root_item = !is_module && !to.starts_with(char::is_lowercase);
        let is_allowed = layer.below.iter().any(|below| *below == "*" || *below == to);
        if is_allowed || is_root_item {
            return None;
        }
        Some(format!("{}: {} must not name {}", reference.place, reference.from, reference.to))
    }
}

impl Separate {
    /// What is wrong with a reference that a module of this crate makes.
    pub fn verdict(&self, reference: &Reference) -> Option<String> {
        let is_ours = self.modules.iter().any(|module| is_in(&reference.from, module));
        let is_theirs = self.never.iter().any(|module| is_in(&reference.to, module));
        (is_ours && is_theirs).then(|| {
            format!("{}: {} must not name {}", reference.place, reference.from, reference.to)
        })
    }
}

fn head(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(krate: &str, from: &str, to: &str) -> Option<String> {
        let place = "f.rs:1".to_owned();
        let reference = Reference { place, from: from.to_owned(), to: to.to_owned() };
        Layer::verdict(LAYERS, krate, &reference)
            .or_else(|| SEPARATE.iter().find_map(|separate| separate.verdict(&reference)))
    }

    #[test]
    fn the_table_refuses_what_it_should() {
        let wrong = [
            ("engine", "log::writer", "state::snapshot"),
            ("engine", "format::frame", "io::disk"),
            ("engine", "message", "clock::now"),
            ("engine", "somewhere", "ids"),
            ("server", "imap::session", "pop3::serve"),
            ("server", "imap::parse::fetch", "imap::session::Session"),
            ("server", "stream", "imap"),
        ];
        for (krate, from, to) in wrong {
            assert!(verdict(krate, from, to).is_some(), "{from} -> {to}");
        }
        let right = [
            ("engine", "store::account", "log::writer"),
            ("engine", "log::writer", "format::frame"),
            ("engine", "state", "ids::Uid"),
            ("server", "imap::session", "auth"),
            ("server", "imap::session", "imap::parse"),
            ("server", "cli::serve", "imap"),
        ];
        for (krate, from, to) in right {
            assert_eq!(verdict(krate, from, to), None);
        }
    }
}

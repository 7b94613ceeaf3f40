//! `data.yaml`: names of the classes, and where the pictures of a split are.

use super::*;

/// What the file says.
#[derive(Debug)]
pub(super) struct Description {
    /// The file.
    pub path: PathBuf,
    values: BTreeMap<String, Yaml>,
}

/// Sources of a split, and what is odd about them.
type Sources = (Vec<PathBuf>, Vec<String>);

impl Description {
    /// Reads the file in `root`.
    pub fn read(root: &Path, split: Split) -> Result<Self, DatasetError> {
        let file = sign(root).ok_or_else(|| DatasetError::NoAnnotations {
            root: root.to_owned(),
            split,
            looked_for: LOOKED_FOR.to_owned(),
        })?;
        let path = root.join(file);
        let values = yaml::read(&files::text(&path, DESCRIPTION_BYTES_MAX)?);
        Ok(Self { path, values })
    }

    /// The classes; a list counts from 0.
    pub fn categories(&self) -> Result<Vec<Category>, DatasetError> {
        let category = |id: Scalar, name: &String| Category {
            id,
            name: Scalar::Text(name.as_str().into()),
        };
        let categories: Vec<Category> = match self.values.get("names") {
            Some(Yaml::List(names)) => (0..)
                .zip(names)
                .map(|(id, name)| category(Scalar::Integer(id), name))
                .collect(),
            Some(Yaml::Map(names)) => names
                .iter()
                .map(|(id, name)| {
                    let id = id.parse().map_or(Scalar::Absent, Scalar::Integer);
                    category(id, name)
                })
                .collect(),
            _ => Vec::new(),
        };
        if categories.is_empty() {
            return Err(DatasetError::Format {
                path: self.path.clone(),
                reason: "`names` must list the classes, as `[car, person]` or `0: car`".to_owned(),
            });
        }
        Ok(categories)
    }

    /// Folders with the pictures of a split, or text files that list them, relative to
    /// `root`; all of them are inside it and exist.
    pub fn sources(&self, root: &Path, split: Split) -> Result<Sources, DatasetError> {
        let named = match (self.values.get(split.name()), split) {
            (None, Split::Val) => self.values.get("valid"),
            (named, _) => named,
        };
        let named: Vec<&str> = match named {
            Some(Yaml::Text(text)) if !text.is_empty() => vec![text],
            Some(Yaml::List(texts)) => texts.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let (mut sources, mut warnings) = (Vec::new(), Vec::new());
        for name in &named {
            match self.resolve(root, name) {
                Some(source) => sources.push(source),
                None => warnings.push(format!(
                    "{}: `{split}: {name}` is not inside the set's folder",
                    self.path.display()
                )),
            }
        }
        if sources.is_empty() {
            let usual = usual_folder(root, split).ok_or_else(|| DatasetError::NoAnnotations {
                root: root.to_owned(),
                split,
                looked_for: format!(
                    "`{split}: {}` of {}, and for `images/{split}/` and `{split}/images/`",
                    named.join(", "),
                    self.path.display()
                ),
            })?;
            warnings.push(format!("pictures are taken from {}/", usual.display()));
            sources.push(usual);
        }
        Ok((sources, warnings))
    }

    /// Where a name of the file is: below `path:`, below the folder, or there after leading
    /// `../` are taken off (as many exports have them), or whole, if it is the folder's own.
    fn resolve(&self, root: &Path, name: &str) -> Option<PathBuf> {
        let prefix = match self.values.get("path") {
            Some(Yaml::Text(prefix)) => prefix.as_str(),
            _ => "",
        };
        let mut stripped = name;
        while let Some(rest) = stripped.strip_prefix("../") {
            stripped = rest;
        }
        let absolute = || -> Option<PathBuf> {
            let root = root.canonicalize().ok()?;
            let full = Path::new(prefix).join(name).canonicalize().ok()?;
            full.strip_prefix(root).ok().map(Path::to_owned)
        };
        let below_prefix = files::inside(prefix)
            .zip(files::inside(name))
            .map(|(prefix, name)| prefix.join(name));
        let found = [
            below_prefix,
            files::inside(name).map(Path::to_owned),
            files::inside(stripped).map(Path::to_owned),
        ];
        let mut found: Vec<PathBuf> = found.into_iter().flatten().collect();
        if Path::new(prefix).join(name).is_absolute() {
            found.extend(absolute());
        }
        found.into_iter().find(|path| {
            let full = root.join(path);
            full.is_dir() || (full.is_file() && path.extension().is_some_and(|e| e == "txt"))
        })
    }
}

/// Where the pictures of a split usually are.
fn usual_folder(root: &Path, split: Split) -> Option<PathBuf> {
    let names: &[&str] = match split {
        Split::Train => &["train"],
        Split::Val => &["val", "valid"],
    };
    let folders = names
        .iter()
        .flat_map(|name| [format!("images/{name}"), format!("{name}/images")]);
    folders
        .map(PathBuf::from)
        .find(|folder| root.join(folder).is_dir())
}

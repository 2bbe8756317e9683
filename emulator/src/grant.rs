//! What a credential may do: operations, one bucket, paths in it. No I/O.

use serde::{Deserialize, Serialize};

/// The operations that a token's `actions` may name and that `object-read-only` opens.
const READ: [&str; 7] = [
    "HeadObject",
    "GetObject",
    "GetBucketLocation",
    "ListObjectsV1",
    "ListObjectsV2",
    "ListMultipartUploads",
    "ListParts",
];
/// What `object-read-write` adds.
const WRITE: [&str; 9] = [
    "PutObject",
    "DeleteObject",
    "DeleteObjects",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
];
/// What `admin-read-only` adds. No action is called so.
const ADMIN: [&str; 1] = ["HeadBucket"];

pub fn is_action(name: &str) -> bool {
    READ.contains(&name) || WRITE.contains(&name)
}

/// Whether the emulator has this operation at all.
pub fn is_operation(name: &str) -> bool {
    is_action(name) || ADMIN.contains(&name)
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    AdminReadWrite,
    AdminReadOnly,
    ObjectReadWrite,
    ObjectReadOnly,
}

impl Permission {
    pub fn allows(self, operation: &str) -> bool {
        let (admin, write) = match self {
            Self::AdminReadWrite => (true, true),
            Self::AdminReadOnly => (true, false),
            Self::ObjectReadWrite => (false, true),
            Self::ObjectReadOnly => (false, false),
        };
        READ.contains(&operation) || (write && WRITE.contains(&operation)) || (admin && ADMIN.contains(&operation))
    }
}

/// Both keys are written even where one list is empty.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Paths {
    pub prefix_paths: Vec<String>,
    pub object_paths: Vec<String>,
}

impl Paths {
    /// R2 takes an empty list beside a filled one. Two empty lists, an empty entry and a leading slash are open
    /// questions, so they are refused: a list that a program computed must not open the bucket when it comes out empty.
    pub fn is_clear(&self) -> bool {
        let mut entries = self.prefix_paths.iter().chain(&self.object_paths).peekable();
        entries.peek().is_some() && entries.all(|path| (1..=1024).contains(&path.len()) && !path.starts_with('/'))
    }
}

/// The part of a session token that says what it is for.
pub struct Grant {
    pub bucket: String,
    pub rights: Rights,
    /// `None`: the whole bucket.
    pub paths: Option<Paths>,
}

pub enum Rights {
    Permission(Permission),
    Actions(Vec<String>),
}

impl Grant {
    pub fn allows(&self, operation: &str, bucket: &str) -> bool {
        self.bucket == bucket
            && match &self.rights {
                Rights::Permission(permission) => permission.allows(operation),
                Rights::Actions(actions) => actions.iter().any(|action| action == operation),
            }
    }

    pub fn opens_key(&self, key: &str) -> bool {
        self.paths.as_ref().is_none_or(|paths| {
            paths.object_paths.iter().any(|object| object == key)
                || paths.prefix_paths.iter().any(|prefix| key.starts_with(prefix.as_str()))
        })
    }

    /// A listing shows every key below its prefix, so all of them must be inside the grant. A granted object's own key
    /// as the prefix is an open question, and refused.
    pub fn opens_listing(&self, prefix: &str) -> bool {
        self.paths
            .as_ref()
            .is_none_or(|paths| paths.prefix_paths.iter().any(|granted| prefix.starts_with(granted.as_str())))
    }

    pub fn opens_whole_bucket(&self) -> bool {
        self.paths.is_none()
    }
}

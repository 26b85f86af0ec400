//! Where the archive is: a folder, or a bucket of S3 or of what speaks like it.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use aws_config::BehaviorVersion;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::TryStreamExt;
use object_store::{
    ClientOptions, CredentialProvider, ObjectStore, ObjectStoreExt, PutPayload,
    aws::{AmazonS3Builder, AwsCredential},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use url::Url;

use crate::{ArchiveError, trouble::Trouble};

/// How long one object may take on its way. A minute is a slow line's time for the largest; a storage that says nothing for
/// so long is given up.
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);

/// How long it may take to reach the storage.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long other calls may take.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);

/// Bytes of an object that is read at most; ours are smaller by far but for single mails.
const OBJECT_BYTES_MAX: u64 = 1 << 30;

/// The region that a server of one's own gets where nobody names one: it must have some to sign with.
const REGION_DEFAULT: &str = "us-east-1";

/// A place for objects. Cheap to clone.
#[derive(Clone)]
pub struct ArchivePlace {
    storage: Arc<dyn ObjectStore>,
    shown: String,
    /// The same with the server, where that is not AWS's.
    told: String,
}

impl fmt::Debug for ArchivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchivePlace({})", self.shown)
    }
}

impl ArchivePlace {
    /// Opens `file:///folder`, which is made where it is not there, or `s3://bucket/folder`.
    ///
    /// Credentials, region and endpoint of S3 are found as AWS's own tools find them: by the environment, by profiles, by
    /// roles. `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` names another server.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    ///
    /// # Errors
    ///
    /// Where the address is none, the folder can't be made, or there are no credentials.
    pub async fn open(url: &str) -> Result<Self, ArchiveError> {
        let unfit = |reason: String| ArchiveError::Place { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| {
            unfit(match error {
                url::ParseError::RelativeUrlWithoutBase => {
                    "it has neither file:// nor s3:// in front".to_owned()
                }
                error => error.to_string(),
            })
        })?;
        match parsed.scheme() {
            "file" => {
                let folder = parsed
                    .to_file_path()
                    .map_err(|()| unfit("it names no folder of this machine".to_owned()))?;
                Self::folder(folder, url)
            }
            "s3" => Self::bucket(&parsed, url).await,
            other => Err(unfit(format!("`{other}` is neither file nor s3"))),
        }
    }

    /// Whether there is a way to a place, by a look at the first name there; false for a folder that is still to be made. Other than
    /// [`open`](Self::open) this makes nothing.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and where the storage refuses, fails or falls silent.
    pub async fn probe(url: &str) -> Result<bool, ArchiveError> {
        let place = match Self::open_existing(url).await {
            Err(ArchiveError::NoFolder(_)) => return Ok(false),
            place => place?,
        };
        let first = async { place.storage.list(None).try_next().await };
        place.in_time("listing", "the first object", CALL_TIMEOUT, first).await?;
        Ok(true)
    }

    /// Opens a place to read what is there. Other than [`open`](Self::open) this makes nothing.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and where there is no such folder.
    pub async fn open_existing(url: &str) -> Result<Self, ArchiveError> {
        let folder =
            Url::parse(url).ok().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
        if folder.is_some_and(|folder| matches!(folder.try_exists(), Ok(false))) {
            return Err(ArchiveError::NoFolder(url.to_owned()));
        }
        Self::open(url).await
    }

    /// Any storage, for tests and for who embeds this.
    pub fn of(storage: Arc<dyn ObjectStore>, shown: &str) -> Self {
        Self { storage, shown: shown.to_owned(), told: shown.to_owned() }
    }

    fn folder(folder: PathBuf, url: &str) -> Result<Self, ArchiveError> {
        let unfit = |reason: String| ArchiveError::Place { url: url.to_owned(), reason };
        std::fs::create_dir_all(&folder).map_err(|error| ArchiveError::folder(url, &error))?;
        let storage = LocalFileSystem::new_with_prefix(folder).map_err(|error| unfit(error.to_string()))?;
        // What is removed from the database after this must be on the disk, and not on its way there.
        Ok(Self::of(Arc::new(storage.with_fsync(true)), url))
    }

    async fn bucket(parsed: &Url, url: &str) -> Result<Self, ArchiveError> {
        let unfit = |reason: String| ArchiveError::Place { url: url.to_owned(), reason };
        let bucket = parsed.host_str().ok_or_else(|| unfit("it names no bucket".to_owned()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            let reason = "credentials don't belong there; they are found as AWS's own tools find them";
            return Err(ArchiveError::Place { url: "s3://…".to_owned(), reason: reason.to_owned() });
        }
        let aws = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let credentials = aws.credentials_provider().ok_or_else(|| ArchiveError::Credentials {
            place: url.to_owned(),
            reason: "nobody provides any".to_owned(),
        })?;
        // Asked once here, so that it is said at once and not by the first object.
        credentials
            .provide_credentials()
            .await
            .map_err(|error| ArchiveError::Credentials { place: url.to_owned(), reason: sentence(&error) })?;
        let region = aws.region().map_or(REGION_DEFAULT, |region| region.as_ref());
        if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(ArchiveError::Setting {
                name: "the region",
                given_by: "AWS_REGION or the profile's `region`",
                reason: "it has letters, digits and hyphens alone, such as eu-central-1".to_owned(),
            });
        }
        let options = ClientOptions::new()
            .with_timeout(TRANSFER_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(true);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_credentials(Arc::new(Credentials { provider: credentials }))
            .with_client_options(options);
        let mut told = url.to_owned();
        if let Some(endpoint) = endpoint_url(&aws) {
            require_endpoint(&endpoint)?;
            told = format!("{url} at {endpoint}");
            builder = builder.with_endpoint(endpoint);
        }
        let storage = builder.build().map_err(|error| unfit(error.to_string()))?;
        let folder = Path::from_url_path(parsed.path()).map_err(|error| unfit(error.to_string()))?;
        let storage: Arc<dyn ObjectStore> = if folder.as_ref().is_empty() {
            Arc::new(storage)
        } else {
            Arc::new(PrefixStore::new(storage, folder))
        };
        Ok(Self { storage, shown: url.to_owned(), told })
    }

    /// The address, for people. It holds no credentials.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes an object: it is there whole or not at all.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let path = Path::from(name);
        let put = self.storage.put(&path, PutPayload::from(bytes));
        self.in_time("writing", name, TRANSFER_TIMEOUT, put).await.map(drop)
    }

    /// Reads an object; nothing where it is not there.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let path = Path::from(name);
        let read = async {
            let found = match self.storage.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let mut bytes: Vec<u8> = Vec::new();
            let mut stream = found.into_stream();
            while let Some(part) = stream.try_next().await? {
                if bytes.len() as u64 + part.len() as u64 > OBJECT_BYTES_MAX {
                    let source = format!("it has more than {OBJECT_BYTES_MAX} bytes").into();
                    return Err(object_store::Error::Generic { store: "archive", source });
                }
                bytes.extend_from_slice(&part);
            }
            Ok(Some(bytes))
        };
        self.in_time("reading", name, TRANSFER_TIMEOUT, read).await
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), ArchiveError> {
        let path = Path::from(name);
        let removal = async {
            match self.storage.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                removed => removed,
            }
        };
        self.in_time("removing", name, CALL_TIMEOUT, removal).await
    }

    /// The names of all there is.
    pub(crate) async fn list(&self) -> Result<Vec<String>, ArchiveError> {
        let list = self.storage.list(None).map_ok(|meta| meta.location.to_string()).try_collect::<Vec<_>>();
        let mut names = self.in_time("listing", "everything", TRANSFER_TIMEOUT, list).await?;
        names.sort_unstable();
        Ok(names)
    }

    async fn in_time<T>(
        &self,
        action: &'static str,
        name: &str,
        timeout: Duration,
        work: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, ArchiveError> {
        let trouble = match tokio::time::timeout(timeout, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => Trouble::of(&error),
            Err(_) => Trouble::silence(timeout.as_secs()),
        };
        Err(ArchiveError::storage(action, name, &self.told, trouble))
    }
}

fn endpoint_url(aws: &aws_config::SdkConfig) -> Option<String> {
    let of_s3 = std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
    of_s3.or_else(|| aws.endpoint_url().map(str::to_owned))
}

/// Refuses what is no address: the storage would panic on it. It isn't repeated, since some write a password into it.
fn require_endpoint(endpoint: &str) -> Result<(), ArchiveError> {
    let reason = match Url::parse(endpoint) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            "it begins with http:// or https://".to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "credentials don't belong there".to_owned()
        }
        // What is parsed leniently, such as a line's end, is sent as it stands.
        Ok(_) if !endpoint.bytes().all(|byte| byte.is_ascii_graphic()) => {
            "a space, a line's end or another letter that an address has not stands in it".to_owned()
        }
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(ArchiveError::Setting {
        name: "the endpoint",
        given_by: "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's `endpoint_url`",
        reason,
    })
}

/// An error of the SDK's with its causes: the outermost says nothing.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

/// The SDK's credentials, for the storage.
#[derive(Debug)]
struct Credentials {
    provider: SharedCredentialsProvider,
}

#[async_trait::async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>, object_store::Error> {
        let given = self
            .provider
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        // They are sent in headers, and the storage would panic on what no header may hold.
        let said = [Some(given.access_key_id()), Some(given.secret_access_key()), given.session_token()];
        if !said.iter().flatten().all(|word| word.bytes().all(|byte| byte.is_ascii_graphic())) {
            let source =
                "a space, a line's end or another letter that none has stands in the credentials".into();
            return Err(object_store::Error::Generic { store: "S3", source });
        }
        Ok(Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        }))
    }
}

//! The fuzz targets of what users write: endpoints, and keys in Z85.

use crate::endpoint::Endpoint;

/// An endpoint that is understood is printed as what it was.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            let printed = endpoint.to_string();
            assert_eq!(printed.parse(), Ok(endpoint));
            assert!(printed.starts_with(&text[..text.find("://").map_or(0, |at| at + 3)]));
        }
        Err(error) => assert!(error.to_string().contains("expected"), "{error}"),
    }
}

/// Octets survive Z85 and texts that are understood do too, each in one way; keys are of that kind, and have their
/// length.
#[cfg(feature = "curve")]
pub fn z85(data: &[u8]) {
    use crate::curve::{KeyPair, PublicKey, SecretKey, z85};

    match z85::encode(data) {
        Ok(text) => {
            assert_eq!(text.len() * 4, data.len() * 5);
            assert_eq!(z85::decode(&text).as_deref(), Ok(data));
        }
        Err(_) => assert!(!data.len().is_multiple_of(4)),
    }
    let Ok(text) = str::from_utf8(data) else { return };
    let decoded = z85::decode(text);
    if let Ok(octets) = &decoded {
        assert_eq!(z85::encode(octets).as_deref(), Ok(text));
    }
    let key = text.parse::<PublicKey>();
    assert_eq!(key.is_ok(), decoded.is_ok() && text.len() == 40);
    match (key, text.parse::<SecretKey>()) {
        (Ok(public), Ok(secret)) => {
            assert_eq!(public.to_string(), text);
            assert_eq!(decoded.as_deref(), Ok(&public.as_bytes()[..]));
            assert_eq!(*secret.to_z85(), text);
            assert!(!format!("{:?}", KeyPair::from(secret)).contains(text));
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        (public, secret) => panic!("{public:?} and {secret:?}"),
    }
}

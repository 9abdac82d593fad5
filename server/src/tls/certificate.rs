//! What is read from certificates.

use std::sync::Arc;

use ring::digest;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Signature algorithms by the hash of `tls-server-end-point`, for which SHA-1 and MD5 are no good.
const HASHES: [(&[&str], &digest::Algorithm); 3] = [
    (
        &[
            "1.2.840.113549.1.1.4",  // md5WithRSAEncryption
            "1.2.840.113549.1.1.5",  // sha1WithRSAEncryption
            "1.2.840.10045.4.1",     // ecdsa-with-SHA1
            "1.2.840.113549.1.1.11", // sha256WithRSAEncryption
            "1.2.840.10045.4.3.2",   // ecdsa-with-SHA256
        ],
        &digest::SHA256,
    ),
    // sha384WithRSAEncryption, ecdsa-with-SHA384
    (&["1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"], &digest::SHA384),
    // sha512WithRSAEncryption, ecdsa-with-SHA512
    (&["1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"], &digest::SHA512),
];

/// The hash of a certificate (RFC 5929, 4.1); it is not defined for signatures that do not name one
/// hash, such as Ed25519.
pub(super) fn end_point(certificate: &[u8]) -> Option<Arc<[u8]>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let (_, hash) = HASHES.iter().find(|(names, _)| names.contains(&algorithm.as_str()))?;
    Some(digest::digest(hash, certificate).as_ref().into())
}

/// The mail addresses that a certificate names: those of its subject's alternative names, else a
/// common name that is one.
pub(crate) fn addresses(certificate: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let mut found = Vec::new();
    if let Ok(Some(names)) = parsed.subject_alternative_name() {
        for name in &names.value.general_names {
            if let GeneralName::RFC822Name(address) = name {
                found.push((*address).to_owned());
            }
        }
    }
    if found.is_empty() {
        let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        found.extend(common.filter(|name| name.contains('@')).map(str::to_owned));
    }
    found
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
    };

    #[test]
    fn addresses_are_those_of_the_alternative_names_or_a_common_name() {
        let made = |common: &str, alternative: &[&str]| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, common);
            let names = alternative
                .iter()
                .map(|name| SanType::Rfc822Name((*name).try_into().expect("ASCII")));
            params.subject_alt_names = names.collect();
            let signed = params.self_signed(&KeyPair::generate().expect("a key"));
            addresses(signed.expect("signed").der())
        };
        assert_eq!(made("Alice", &["a@b.test", "c@d.test"]), ["a@b.test", "c@d.test"]);
        assert_eq!(made("e@f.test", &["a@b.test"]), ["a@b.test"]);
        assert_eq!(made("e@f.test", &[]), ["e@f.test"]);
        assert!(made("Alice", &[]).is_empty());
        assert!(addresses(b"no certificate").is_empty());
    }

    use super::*;

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let made = |algorithm| {
            let key = KeyPair::generate_for(algorithm).expect("a key");
            let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("params");
            params.self_signed(&key).expect("signed").der().to_vec()
        };
        let certificate = made(&PKCS_ECDSA_P384_SHA384);
        let expected = digest::digest(&digest::SHA384, &certificate);
        assert_eq!(end_point(&certificate).as_deref(), Some(expected.as_ref()));
        assert_eq!(end_point(&made(&PKCS_ED25519)), None);
        assert_eq!(end_point(b"no certificate"), None);
    }
}

"""Makes a release: the wheel, a zip of what is deployed, an SBOM and the list of licences."""

//! A door for the fuzz targets and the models of loom. Not part of the API: it may change in any release.

"""Tests of pages in a browser; a package, so that its conftest is not mistaken for that of all tests."""

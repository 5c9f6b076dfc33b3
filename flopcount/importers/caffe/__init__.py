"""Deploy files of Caffe."""

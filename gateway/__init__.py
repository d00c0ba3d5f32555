"""HTTP gateway in front of Futu/moomoo OpenD: JSON over HTTP in, protobuf over TCP out."""

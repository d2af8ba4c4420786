"""HTTP/1.1 at the door: Tornado's Application, by its documented interfaces, behind llhttp."""

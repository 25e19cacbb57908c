"use strict";
// The reference of the API; a key typed in stays in this page's memory.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#reference", deepLinking: true, docExpansion: "none", filter: true });

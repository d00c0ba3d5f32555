// Shows the document of the gateway that this page came from. Nothing is asked of another host.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#document",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});

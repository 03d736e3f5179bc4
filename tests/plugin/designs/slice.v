// slice: an AXI-Stream register with a choice of faults, made while it runs by +fault=NAME.
//
//   drop    tvalid falls although tready has not come
//   change  tdata changes while it waits for tready
//   lose    the third beat is lost
//   unknown tdata is X (Icarus shows it; Verilator knows no X)
//   finish  $finish at the third beat
//   fatal   $fatal at the third beat
`default_nettype none

module slice #(
    parameter integer Width = 8
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire [Width-1:0] s_axis_tdata,
    input  wire             s_axis_tuser,
    input  wire             s_axis_tvalid,
    output wire             s_axis_tready,
    input  wire             s_axis_tlast,
    output reg  [Width-1:0] m_axis_tdata,
    output reg              m_axis_tuser,
    output reg              m_axis_tvalid,
    input  wire             m_axis_tready,
    output reg              m_axis_tlast
);
  reg [63:0] fault;
  initial if (!$value$plusargs("fault=%s", fault)) fault = "";

  reg [1:0] beats_q;
  wire third = beats_q == 2'd2;
  assign s_axis_tready = m_axis_tready || !m_axis_tvalid;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      m_axis_tvalid <= 1'b0;
      beats_q <= 2'd0;
    end else if (s_axis_tready) begin
      m_axis_tvalid <= s_axis_tvalid && !(third && fault == "lose");
      m_axis_tdata  <= fault == "unknown" ? {Width{1'bx}} : s_axis_tdata;
      m_axis_tuser  <= s_axis_tuser;
      m_axis_tlast  <= s_axis_tlast;
      if (s_axis_tvalid && !third) beats_q <= beats_q + 2'd1;
      if (s_axis_tvalid && third && fault == "finish") $finish;
      if (s_axis_tvalid && third && fault == "fatal") $fatal(1, "the third beat is too much");
    end else begin
      if (fault == "drop") m_axis_tvalid <= 1'b0;
      if (fault == "change") m_axis_tdata <= ~m_axis_tdata;
    end
  end

  generate
    if (Width % 2 == 1) begin : g_refuse
      width_must_be_even refused ();
    end
  endgenerate
endmodule

`default_nettype wire
